"""Files of cfssl: what they become here, and that everything else is said."""

import contextlib
import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from hypothesis import example, given
from hypothesis import strategies as st

from pki.cfssl import Reading, read_cfssl
from pki.cfssl_json import LARGEST
from pki.errors import PkiError
from pki.go_durations import read_duration
from pki.profiles import Naming, refuse_profile
from tests import servers
from tests.pki import makers

# as they stand in The Things Stack's guide to custom certificates
CA_JSON = b"""{
  "names": [
    {
      "C": "NL",
      "ST": "Noord-Holland",
      "L": "Amsterdam",
      "O": "The Things Demo"
    }
  ]
}
"""
CERT_JSON = b"""{
  "hosts": ["thethings.example.com"],
  "names": [
    {
      "C": "NL",
      "ST": "Noord-Holland",
      "L": "Amsterdam",
      "O": "The Things Demo"
    }
  ]
}
"""
NAMES = (("C", "NL"), ("ST", "Noord-Holland"), ("L", "Amsterdam"), ("O", "The Things Demo"))


def read(document: Any, **more: Any) -> Reading:
    return read_cfssl(json.dumps(document).encode(), **more)


def said(reading: Reading) -> dict[str, str]:
    """What happens instead, by the place."""
    return {remark.path: remark.instead for remark in reading.remarks}


def refusal(content: bytes) -> PkiError:
    with pytest.raises(PkiError) as refused:
        read_cfssl(content)
    return refused.value


# the documents of the guide


def test_the_guides_ca_becomes_a_root_that_needs_a_name() -> None:
    reading = read_cfssl(CA_JSON)
    assert reading.authority is not None
    assert (reading.authority.name, reading.authority.proposed) == ("", "The Things Demo")
    assert (reading.authority.names, reading.authority.key_type) == (NAMES, "P-256")
    assert (reading.authority.years, reading.authority.path_length) == (5, 1)
    assert "needs one" in said(reading)["CN"]


def test_the_guides_certificate_becomes_a_servers() -> None:
    reading = read_cfssl(CERT_JSON)
    assert reading.server is not None
    assert (reading.server.hosts, reading.server.names) == (("thethings.example.com",), NAMES)
    assert not reading.server.needs_local
    assert "thethings.example.com" in said(reading)["CN"]
    assert "server auth alone" in said(reading)["signing.default"]


def test_who_hands_it_in_may_say_what_it_is_for() -> None:
    assert read_cfssl(CA_JSON, is_authority=False).server is not None
    as_authority = read_cfssl(CERT_JSON, is_authority=True)
    assert as_authority.authority is not None
    assert "names no hosts" in said(as_authority)["hosts[0]"]


@pytest.mark.parametrize(
    ("document", "is_authority"),
    [
        ({"CN": "Demo CA"}, True),
        ({"CN": "lns.example.com"}, False),
        ({"CN": "lns.example.com", "ca": {"expiry": "87600h"}}, True),
        ({"CN": "Demo", "hosts": ["lns.example.com"]}, False),
        ({"CN": "Demo", "hosts": []}, True),
        ({"cn": "Demo", "NAMES": [{"o": "Demo"}]}, True),  # Go takes names of fields in any case
    ],
)
def test_what_a_request_is_for_is_told_by_its_content(document: dict[str, Any], is_authority: bool) -> None:
    assert (read(document).authority is not None) is is_authority


# requests


def test_a_whole_request_of_an_authority() -> None:
    ca = {"expiry": "87600h0m0s", "pathlen": 2, "backdate": "1h"}
    reading = read({"CN": "Demo Root", "key": {"algo": "rsa", "size": 4096}, "ca": ca})
    assert reading.authority is not None
    assert (reading.authority.name, reading.authority.years) == ("Demo Root", 10)
    assert (reading.authority.key_type, reading.authority.path_length) == ("RSA 4096", 2)
    assert set(said(reading)) == {"ca.backdate"}


@pytest.mark.parametrize(
    ("ca", "years", "path_length", "places"),
    [
        ({"expiry": "8760h"}, 2, 1, {"ca.expiry", "ca.pathlen"}),
        ({"expiry": "9000h", "pathlen": 1}, 2, 1, {"ca.expiry"}),
        ({"expiry": "876000h", "pathlen": 1}, 30, 1, {"ca.expiry"}),
        ({"expiry": "17520h", "pathlenzero": True}, 2, 1, {"ca.pathlenzero"}),
        ({"expiry": "17520h", "pathlen": 9}, 2, 3, {"ca.pathlen"}),
    ],
)
def test_what_an_authority_cannot_have_is_said(
    ca: dict[str, Any], years: int, path_length: int, places: set[str]
) -> None:
    reading = read({"CN": "Demo Root", "ca": ca})
    assert reading.authority is not None
    assert (reading.authority.years, reading.authority.path_length) == (years, path_length)
    assert set(said(reading)) == places


def test_hosts_that_no_certificate_has_are_left_out_and_said() -> None:
    hosts = ["LNS.example.com", "ops@example.com", "https://example.com/", "10.0.0.1", "10.0.0.1", "*.example.com"]
    reading = read({"CN": "lns.example.com", "hosts": hosts})
    assert reading.server is not None
    assert reading.server.hosts == ("lns.example.com", "10.0.0.1", "*.example.com")
    assert set(said(reading)) == {"hosts[0]", "hosts[1]", "hosts[2]", "hosts[4]", "signing.default"}


def test_a_host_without_a_dot_is_for_development() -> None:
    assert read({"hosts": ["localhost"]}).server == read({"hosts": ["localhost"], "names": []}).server
    server = read({"hosts": ["localhost", "127.0.0.1"]}).server
    assert server is not None
    assert server.needs_local


def test_the_common_name_of_a_server_is_one_of_its_hosts() -> None:
    first = read({"CN": "b.example.com", "hosts": ["a.example.com", "b.example.com"]})
    assert first.server is not None
    assert first.server.hosts == ("b.example.com", "a.example.com")
    assert "CN" not in said(first)
    alone = read({"CN": "b.example.com"})
    assert alone.server is not None
    assert alone.server.hosts == ("b.example.com",)
    other = read({"CN": "My Server", "hosts": ["a.example.com"]})
    assert said(other)["CN"] == "It is not one of the hosts. The common name is a.example.com."


def test_names_are_merged_and_what_stands_twice_is_said() -> None:
    names = [{"C": "nl", "O": "Demo", "E": "a@example.com", "SerialNumber": "7"}, {"O": "Other", "OU": "Network "}, {"C": "Holland"}]  # fmt: skip  # noqa: E501  one document
    reading = read({"CN": "Demo", "names": names})
    assert reading.authority is not None
    assert reading.authority.names == (("C", "NL"), ("O", "Demo"), ("OU", "Network"))
    places = {"names[0].C", "names[0].E", "names[0].SerialNumber", "names[1].O", "names[1].OU", "names[2].C"}
    assert places <= set(said(reading))


@pytest.mark.parametrize(
    ("key", "made", "is_said"),
    [
        ({"algo": "ecdsa", "size": 256}, "P-256", False),
        ({"algo": "ecdsa", "size": 384}, "P-384", False),
        ({"algo": "ecdsa", "size": 521}, "P-384", True),
        ({"algo": "ed25519"}, "P-256", True),
        ({"algo": "rsa", "size": 2048}, "RSA 2048", False),
        ({"algo": "rsa", "size": 2500}, "RSA 3072", True),
        ({"algo": "rsa", "size": 8192}, "RSA 4096", True),
    ],
)
def test_keys_are_of_the_nearest_kind_that_is_made_here(key: dict[str, Any], made: str, is_said: bool) -> None:
    reading = read({"CN": "Demo", "key": key})
    assert reading.authority is not None
    assert (reading.authority.key_type, "key" in said(reading)) == (made, is_said)


def test_fields_that_are_not_taken_over_are_said() -> None:
    reading = read({"CN": "Demo", "serialnumber": "7", "crl_url": "http://x/", "delegation_enabled": True, "new": [1]})
    assert {"serialnumber", "crl_url", "delegation_enabled", "new"} <= set(said(reading))
    assert "delegation_enabled" not in said(read({"CN": "Demo", "delegation_enabled": False}))


# configurations


def config(**profiles: Any) -> dict[str, Any]:
    return {"signing": {"profiles": profiles}}


def test_the_usual_configuration_becomes_profiles() -> None:
    usages = ["signing", "key encipherment"]
    reading = read(
        {
            "signing": {
                "default": {"expiry": "168h"},
                "profiles": {
                    "www": {"expiry": "8760h", "usages": [*usages, "server auth"]},
                    "client": {"expiry": "17520h", "usages": [*usages, "client auth"]},
                },
            }
        }
    )
    www, client = reading.profiles
    assert (www.name, www.naming, www.days, www.extended_key_usage) == (
        "www",
        Naming.HOSTS,
        (365,),
        frozenset({"serverAuth"}),
    )
    assert (client.naming, client.days, client.extended_key_usage) == (Naming.EUI, (730,), frozenset({"clientAuth"}))
    assert www.key_usage == {"digitalSignature"}
    assert {"signing.default", "signing.profiles.www.usages[1]"} <= set(said(reading))


@pytest.mark.parametrize(
    ("name", "usages", "becomes"),
    [
        ("intermediate", ["cert sign", "crl sign", "server auth"], "server-issuing"),
        ("intermediate", ["cert sign", "crl sign", "client auth"], "issuing"),
        ("my-root", ["cert sign", "crl sign"], "root"),
    ],
)
def test_a_profile_of_authorities_becomes_a_version_of_one_of_ours(name: str, usages: list[str], becomes: str) -> None:
    constraint = {"is_ca": True, "max_path_len": 0, "max_path_len_zero": True}
    reading = read(config(**{name: {"usages": usages, "expiry": "43800h", "ca_constraint": constraint}}))
    (made,) = reading.profiles
    assert (made.name, made.is_ca, made.path_length, made.days) == (becomes, True, 0, (1825,))


def test_every_field_of_a_profile_that_is_not_taken_over_is_said() -> None:
    fields = {
        "backdate": "1h", "issuer_urls": ["http://x/"], "ocsp_url": "http://x/", "crl_url": "http://x/",
        "auth_key": "k", "remote": "r", "name_whitelist": ".*", "copy_extensions": True,
        "allowed_extensions": ["1.2.3"], "ct_log_servers": ["http://x/"], "CSRWhitelist": {"subject": True},
        "not_before": "2026-01-01T00:00:00Z", "not_after": "2027-01-01T00:00:00Z", "policies": [{"ID": "1.2.3"}],
    }  # fmt: skip
    reading = read(
        config(www={"usages": ["signing", "server auth", "code signing", "crl sign"], "expiry": "1h"} | fields)
    )
    places = {f"signing.profiles.www.{name}" for name in (*fields, "usages[2]", "usages[3]", "expiry")}
    assert places <= set(said(reading))
    assert len(reading.profiles) == 1


@pytest.mark.parametrize("usage", ["key encipherment", "data encipherment"])
def test_what_is_for_rsa_keys_alone_is_left_out_of_a_profile_for_all_keys(usage: str) -> None:
    reading = read(config(www={"usages": ["signing", usage, "server auth"], "expiry": "8760h"}))
    assert [profile.key_usage for profile in reading.profiles] == [{"digitalSignature"}]
    assert "RFC 8813" in said(reading)["signing.profiles.www.usages[1]"]


def test_secrets_are_not_shown() -> None:
    document = config(www={"usages": ["server auth"], "auth_key": "hidden"})
    reading = read(document | {"auth_keys": {"k": {"key": "0123456789abcdef", "type": "standard"}}})
    assert {remark.said for remark in reading.remarks if "auth_key" in remark.path} == {"(not shown)"}


def test_names_of_ours_are_not_taken() -> None:
    usages = {"usages": ["signing", "server auth"], "expiry": "8760h"}
    names = [each.name for each in read(config(root=usages, Server_1=usages, **{"server-1": usages})).profiles]
    assert names == ["cfssl-root", "server-1"]
    assert read({"signing": {"default": usages}}).profiles[0].name == "cfssl-default"


def test_a_profile_for_nothing_of_ours_is_left_out() -> None:
    reading = read(config(code={"usages": ["signing", "code signing"], "expiry": "8760h"}))
    assert reading.profiles == ()
    assert "left out" in said(reading)["signing.profiles.code"]


# what is refused


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", "cfssl-json", "line 1"),
        (b"[]", "cfssl-type", "The file must be an object"),
        (b'{"CN": "a", "cn": "b"}', "cfssl-json", "twice"),
        (b'{"key": {"algo": "rsa", "algo": "rsa"}}', "cfssl-json", "algo"),
        (b'{"CN": NaN}', "cfssl-json", "NaN"),
        (b'{"CN": "\\ud800"}', "cfssl-value", "CN"),
        (b'{"CN": 7}', "cfssl-type", "CN must be a text"),
        (b'{"CN": 7.5}', "cfssl-type", "CN must be a text"),
        (b'{"hosts": "a"}', "cfssl-type", "hosts must be a list"),
        (b'{"hosts": [7]}', "cfssl-type", "hosts[0] must be a text"),
        (b'{"names": {}}', "cfssl-type", "names must be a list"),
        (b'{"names": ["NL"]}', "cfssl-type", "names[0] must be an object"),
        (b'{"key": {"algo": "rsa", "size": "2048"}}', "cfssl-type", "key.size must be a whole number"),
        (b'{"key": {"algo": "rsa", "size": true}}', "cfssl-type", "key.size"),
        (b'{"key": {"algo": "rsa", "size": 1024}}', "cfssl-value", "key"),
        (b'{"key": {"algo": "dsa", "size": 2048}}', "cfssl-value", "key"),
        (b'{"CN": "a", "ca": {"expiry": 8760}}', "cfssl-type", "ca.expiry must be a text"),
        (b'{"CN": "a", "ca": {"expiry": "10 years"}}', "cfssl-value", "ca.expiry"),
        (b'{"CN": "a", "ca": {"expiry": "-1h"}}', "cfssl-value", "ca.expiry"),
        (b'{"CN": "a", "ca": {"pathlen": -1}}', "cfssl-value", "ca.pathlen"),
        (b'{"signing": {"profiles": {"server": {"expiry": 7}}}}', "cfssl-type", "signing.profiles.server.expiry"),
        (b'{"signing": {"profiles": []}}', "cfssl-type", "signing.profiles must be an object"),
        (b'{"something": 1}', "cfssl-json", "neither a request"),
        (b"[" * 5000 + b"]" * 5000, "cfssl-json", "deep"),
        (b'{"a":' * 30 + b"1" + b"}" * 30, "cfssl-json", "deep"),
        (b'"' + b"a" * LARGEST + b'"', "too-large", "64 kB"),
        (b'{"CN": ' + b"7" * 5000 + b"}", "cfssl-json", "not JSON"),
        (b"\xff\xfe", "cfssl-json", "not JSON"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place(content: bytes, code: str, words: str) -> None:
    error = refusal(content)
    assert error.code == code
    assert words in error.message


def test_a_private_key_is_refused() -> None:
    pem = makers.private_pem(makers.p256_key("server")).decode()
    assert refusal(json.dumps({"CN": "Demo", "key": pem}).encode()).code == "private-key"


# durations


@pytest.mark.parametrize(
    ("text", "hours"),
    [("8760h", 8760), ("43800h0m0s", 43800), ("1.5h", 1.5), ("90m", 1.5), ("0", 0), ("3600000ms", 1), ("1h30m", 1.5)],
)
def test_durations_are_those_of_go(text: str, hours: float) -> None:
    assert read_duration(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "8760", "1y", "h", "1h ", "-1h", "1 h", "9999999999h", "1h1", "٣h"])
def test_what_go_does_not_read_is_refused(text: str) -> None:
    with pytest.raises(PkiError, match="as Go does"):
        read_duration(text)


@given(st.text(max_size=40))
def test_a_duration_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(PkiError):
        assert read_duration(text) >= timedelta(0)


# whatever comes

FIELDS = [
    "CN", "names", "hosts", "key", "ca", "algo", "size", "expiry", "pathlen", "pathlenzero", "backdate",
    "signing", "default", "profiles", "usages", "ca_constraint", "is_ca", "max_path_len", "max_path_len_zero",
    "auth_keys", "remotes", "C", "ST", "L", "O", "OU", "E", "root", "server", "client",
]  # fmt: skip
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 9000), st.floats(allow_nan=False), st.text(max_size=20),
    st.sampled_from(["8760h", "rsa", "ecdsa", "server auth", "client auth", "signing", "a.example.com", "\ud800"]),
)  # fmt: skip
DOCUMENTS = st.recursive(
    VALUES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6)),
    max_leaves=30,
)
BODY = st.fixed_dictionaries({}, optional=dict.fromkeys(("usages", "expiry", "ca_constraint", "backdate"), DOCUMENTS))
CONFIGS = st.fixed_dictionaries(
    {"signing": st.fixed_dictionaries({"profiles": st.dictionaries(st.text(max_size=50), BODY, max_size=4)})}
)
REQUESTS = st.fixed_dictionaries(
    {"CN": st.one_of(st.text(max_size=70), VALUES)},
    optional={
        "hosts": st.lists(st.text(max_size=70), max_size=5),
        "names": st.lists(st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=70), max_size=4), max_size=3),
        "key": st.fixed_dictionaries({"algo": VALUES, "size": st.sampled_from([0, 256, 384, 521, 2048, 3000, 9000])}),
        "ca": st.fixed_dictionaries({}, optional=dict.fromkeys(("expiry", "pathlen", "pathlenzero"), VALUES)),
    },
)


def check(content: bytes, is_authority: bool | None) -> None:
    try:
        reading = read_cfssl(content, is_authority=is_authority)
    except PkiError as error:
        error.message.encode()  # a page can show it
        return
    for profile in reading.profiles:
        refuse_profile(profile)
    for remark in reading.remarks:
        f"{remark.path} {remark.said} {remark.instead}".encode()
        assert remark.instead


@given(st.one_of(DOCUMENTS, CONFIGS, REQUESTS), st.sampled_from([None, True, False]))
@example({"signing": {"profiles": {"\ud800": {"usages": ["server auth"]}}}}, None)
@example({"CN": "a", "ca": {"\ud800": 1}}, None)
def test_any_document_is_read_or_refused(document: Any, is_authority: bool | None) -> None:
    check(json.dumps(document).encode(), is_authority)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    check(content, None)


# cfssl itself


def cfssl(folder: Path, *command: str) -> x509.Certificate:
    if shutil.which("cfssl") is None:
        servers.missing("golang-cfssl")
    done = subprocess.run(["cfssl", *command], cwd=folder, capture_output=True, check=True)
    made = json.loads(done.stdout)
    for name in ("cert", "key"):
        (folder / f"{command[0]}-{name}.pem").write_text(made[name])
    return x509.load_pem_x509_certificate(made["cert"].encode())


def pairs(name: x509.Name) -> set[tuple[str, str]]:
    return {(each.rfc4514_attribute_name, str(each.value)) for each in name}


def test_cfssl_itself_makes_the_same_names_hosts_and_usages_but_for_what_is_said(tmp_path: Path) -> None:
    (tmp_path / "ca.json").write_bytes(CA_JSON)
    (tmp_path / "cert.json").write_bytes(CERT_JSON)
    root = cfssl(tmp_path, "genkey", "-initca", "ca.json")
    leaf = cfssl(tmp_path, "gencert", "-ca", "genkey-cert.pem", "-ca-key", "genkey-key.pem", "cert.json")
    authority, server = read_cfssl(CA_JSON), read_cfssl(CERT_JSON)
    assert authority.authority is not None
    assert server.server is not None
    assert pairs(root.subject) == set(authority.authority.names)  # the common name is said
    assert pairs(leaf.subject) == set(server.server.names)
    assert {"CN"} <= set(said(authority)) & set(said(server))
    hosts = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert hosts.get_values_for_type(x509.DNSName) == list(server.server.hosts)
    life = root.not_valid_after_utc - root.not_valid_before_utc
    assert life // timedelta(days=365) == authority.authority.years
    usages = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    extended = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert (usages.digital_signature, usages.key_encipherment, len(extended)) == (True, True, 2)
    assert "client auth" in next(each.said for each in server.remarks if each.path == "signing.default")
