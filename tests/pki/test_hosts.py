"""Names of servers, as certificates write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.errors import PkiError
from pki.hosts import address_of, read_host


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Lns.Example.NET.", "lns.example.net"),
        (" *.example.net ", "*.example.net"),
        ("xn--grten-gra.example", "xn--grten-gra.example"),
        ("192.0.2.7", "192.0.2.7"),
        ("[2001:DB8:0:0::1]", "2001:db8::1"),
        ("localhost", "localhost"),
    ],
)
def test_a_host_is_written_in_one_way(text: str, written: str) -> None:
    assert read_host(text, wildcards=True, local=True) == written


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "*", "*.net", "a.*.net", "*a.example.net", "*.*.example.net", "-a.example", "a-.example", "a..example",
        "a_b.example", "gärten.example", "a.example/x", "https://a.example", "a.example:443", "300.1.1.1", "1.2.3",
        "a b.example", "\N{KELVIN SIGN}.example", "x" * 64 + ".example", ".".join(["x" * 60] * 5), "fe80::1%eth0",
        "a\x00.example",
    ],
)  # fmt: skip
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(PkiError) as refusal:
        read_host(text, wildcards=True, local=True)
    assert refusal.value.code == "hosts-refused"


@pytest.mark.parametrize(("text", "rules"), [("*.example.net", {"wildcards": False}), ("localhost", {"local": False})])
def test_wildcards_and_local_names_are_for_profiles_that_say_so(text: str, rules: dict[str, bool]) -> None:
    with pytest.raises(PkiError):
        read_host(text, **{"wildcards": True, "local": True, **rules})


@given(st.text(max_size=80))
def test_what_is_read_once_is_read_again_as_it_is(text: str) -> None:
    try:
        host = read_host(text, wildcards=True, local=True)
    except PkiError:
        return
    assert read_host(host, wildcards=True, local=True) == host
    assert host.isascii()
    assert address_of(host) is not None or host == host.lower()
