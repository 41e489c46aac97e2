"""Bundles and indexes: what a network server makes of a file, and what we accept and write ourselves."""

import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pki.bundle import index_paths, read_as_go, read_index, read_strictly, write_bundle, write_index
from pki.errors import PkiError
from pki.go.release import Go
from tests.pki.makers import make_certificate, make_issuing, make_root

ROOT = make_root()
ISSUING = make_issuing(ROOT)
BAD_BLOCK = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def test_what_we_write_both_readers_read_in_order() -> None:
    written = write_bundle([ISSUING.der, ROOT.der])

    assert read_strictly(written) == read_as_go(written) == (ISSUING.der, ROOT.der)


def test_the_same_certificates_give_the_same_bytes() -> None:
    assert write_bundle([ROOT.der]) == write_bundle([ROOT.der]) == ROOT.pem


def test_an_empty_bundle_is_never_written() -> None:
    with pytest.raises(PkiError) as refused:
        write_bundle([])
    assert refused.value.code == "bundle-empty"


def test_what_a_server_would_drop_is_never_written() -> None:
    with pytest.raises(PkiError) as refused:
        write_bundle([ROOT.der, make_certificate(serial=-1).der])
    assert refused.value.code == "bundle-block-dropped"


def test_a_twin_is_never_written() -> None:
    with pytest.raises(PkiError) as refused:
        write_bundle([ROOT.der, ROOT.der])
    assert refused.value.code == "bundle-twin"


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param(BAD_BLOCK + ROOT.pem, id="a bad block"),
        pytest.param(b"", id="nothing"),
        pytest.param(ROOT.der, id="DER"),
        pytest.param(b"\xef\xbb\xbf" + ROOT.pem, id="a byte order mark"),
        pytest.param(ROOT.pem.rstrip() + ISSUING.pem, id="two files without a newline between"),
        pytest.param(ROOT.pem.replace(b"CERT", b"TRUSTED CERT") + ISSUING.pem, id="a TRUSTED CERTIFICATE"),
        pytest.param(ROOT.pem.replace(b"-----\n", b"-----\nA: b\n\n", 1), id="headers"),
        pytest.param(b"Root CA\n" + ROOT.pem, id="text that is no comment"),
        pytest.param(ROOT.pem + b"-----BEGIN CERTIFICATE-----\n", id="a block without an end"),
        pytest.param(ROOT.pem.replace(b"M", b"=", 1), id="wrong padding"),
    ],
)
def test_an_unclean_bundle_is_refused(pem: bytes) -> None:
    with pytest.raises(PkiError):
        read_strictly(pem)


def test_comments_blank_lines_and_crlf_are_clean() -> None:
    pem = b"# vendors\r\n\r\n" + ROOT.pem.replace(b"\n", b"\r\n") + b"\n# end"

    assert read_strictly(pem) == (ROOT.der,)


def test_a_server_keeps_one_of_two_twins() -> None:
    assert read_as_go(ROOT.pem + ISSUING.pem + ROOT.pem) == (ROOT.der, ISSUING.der)


def test_servers_of_different_versions_read_a_torn_bundle_differently() -> None:
    """A BEGIN without its END swallows what follows up to the next END line, for the newest Go only."""
    torn = b"-----BEGIN X-----\n-----END CERTIFICATE-----a: b\n" + ROOT.pem

    assert (read_as_go(torn), read_as_go(torn, Go.OLDEST)) == ((), (ROOT.der,))
    with pytest.raises(PkiError):
        read_strictly(torn)


@pytest.mark.parametrize("go", list(Go))
@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(b"-----BEGIN CERTIFICATE-----\n" * 100_000, id="100,000 BEGIN lines"),
        pytest.param(b"-----BEGIN CERTIFICATE-----\n" * 50_000 + b"-----END X-----\n", id="one END line"),
        pytest.param(b"-----BEGIN A-----\n-----END B-----\n" * 50_000, id="pairs that do not match"),
        pytest.param(b"-----BEGIN A-----\na: b\n" * 50_000, id="headers without end"),
        pytest.param(b"\n-----END A-----" * 50_000, id="END lines"),
    ],
)
def test_hostile_bundles_do_not_grind_on(hostile: bytes, go: Go) -> None:
    started = time.perf_counter()

    assert read_as_go(hostile, go) == ()
    assert time.perf_counter() - started < 20  # seconds; quadratic work takes minutes


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from([ROOT.pem, b"-----BEGIN ", b"-----", b"\n", b"a: b\n"])).map(b"".join)
)
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    read_as_go(content)
    try:
        clean = read_strictly(content)
    except PkiError:
        return
    assert clean == read_as_go(content)


@pytest.mark.parametrize(
    ("content", "entries"),
    [
        (b"", ()),
        (b"# nothing yet\n", ()),
        (b"common:\n", ()),
        (b"common: []\n", ()),
        (b"common: [a.pem, b.pem]\n", ("a.pem", "b.pem")),
        (b"common:\n- a.pem\nother: {x: y}\n", ("a.pem",)),
        (b"common: [2024, true, 1e3]\n", ("2024", "true", "1e3")),
        (b"other: 1\n", ()),
    ],
)
def test_an_index_is_read_as_the_server_reads_it(content: bytes, entries: tuple[str, ...]) -> None:
    assert read_index(content) == {"common": entries}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"- a.pem\n", id="a list"),
        pytest.param(b"common: a.pem\n", id="a single name"),
        pytest.param(b"common: [[a]]\n", id="a list in the list"),
        pytest.param(b"common: [a\n", id="no YAML"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
        pytest.param(b"x: &a [1]\ncommon: [*a]\n", id="an alias"),
        pytest.param(b"common: " + b"[" * 5_000, id="deep nesting"),
        pytest.param(b"#" * 300_000, id="too large"),
        pytest.param(b"common: !!python/object/apply:os.system [id]\n", id="a tag that runs"),
    ],
)
def test_a_bad_index_is_refused(content: bytes) -> None:
    try:
        index = read_index(content)
    except PkiError:
        return
    assert index == {"common": ("id",)}  # a tag is nothing but a tag


def test_entries_are_joined_to_paths_as_the_server_does() -> None:
    index = {"common": ("a.pem", "sub/x.pem", "./b.pem", "../c.pem")}

    assert index_paths(index) == ("common/a.pem", "common/sub/x.pem", "common/b.pem", "c.pem")


def test_an_index_is_written_for_any_yaml_reader() -> None:
    written = write_index({"common": ["a1.pem", "1e3.pem"]})

    assert yaml.safe_load(written) == {"common": ["a1.pem", "1e3.pem"]}
    assert read_index(written) == {"common": ("a1.pem", "1e3.pem")}


@pytest.mark.parametrize("index", [{}, {"common": []}])
def test_an_index_of_nothing_is_an_empty_file(index: dict[str, list[str]]) -> None:
    assert write_index(index) == b""


@pytest.mark.parametrize("name", ["", "../x.pem", "a b", 'a"', "a\n- b", "/etc", "ä.pem"])
def test_an_unusual_file_name_is_never_listed(name: str) -> None:
    with pytest.raises(PkiError):
        write_index({"common": [name]})
