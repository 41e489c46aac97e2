"""Lists of revoked certificates before independent judges: OpenSSL, GnuTLS, pkilint, cryptography, Go."""

import ssl
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from pki import crl, private_keys
from pki.errors import PkiError
from tests.pki.issued import SERIAL, Issued, World, make_world
from tests.pki.makers import NOW, basic_constraints, key_usage, make_root

KINDS = ["P-256", "P-384", "RSA 2048"]
NEXT = NOW + timedelta(days=7)


@pytest.fixture(scope="module", params=KINDS)
def world(request: pytest.FixtureRequest) -> World:
    return make_world(request.param)


def make_list(
    issuer: Issued, entries: Sequence[bytes] = (), *, number: int = 1, now: datetime = NOW, until: datetime = NEXT
) -> bytes:
    """A whole list, put together as the product does, page by page."""
    who = crl.issuer_of(issuer.der)
    made = crl.frame(who, number=number, this_update=now, next_update=until, entries_size=len(b"".join(entries)))
    digest = crl.SigningHash(who.algorithm)
    for piece in (made.head, *entries, made.tail):
        digest.update(piece)
    assert digest.size == made.size
    closing = crl.closing(who.algorithm, private_keys.sign_digest(issuer.private_der, digest.digest()))
    return b"".join((crl.opening(made.size, len(closing)), made.head, *entries, made.tail, closing))


def revoking(*serials: int, reason: str = "keyCompromise") -> list[bytes]:
    return [crl.entry(serial, NOW - timedelta(hours=1), reason) for serial in serials]


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def files(world: World, tmp_path: Path) -> Path:
    for name in ("root", "issuing", "leaf"):
        der = getattr(world, name).der
        (tmp_path / f"{name}.pem").write_text(ssl.DER_cert_to_PEM_cert(der))
    return tmp_path


def write(folder: Path, der: bytes) -> None:
    (folder / "crl.der").write_bytes(der)
    (folder / "crl.pem").write_bytes(b"".join(crl.pem_lines([der[:50], der[50:51], der[51:]])))


def test_cryptography_reads_what_was_said(world: World) -> None:
    der = make_list(world.issuing, [*revoking(SERIAL), *revoking(7, reason="unspecified")], number=1 << 100)
    read = x509.load_der_x509_crl(der)
    assert read.is_signature_valid(x509.load_der_x509_certificate(world.issuing.der).public_key())  # type: ignore[arg-type]
    assert read.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 1 << 100
    assert (read.last_update_utc, read.next_update_utc) == (NOW, NEXT)
    first, second = read
    assert (first.serial_number, first.revocation_date_utc) == (SERIAL, NOW - timedelta(hours=1))
    assert first.extensions.get_extension_for_class(x509.CRLReason).value.reason == x509.ReasonFlags.key_compromise
    assert (second.serial_number, len(second.extensions)) == (7, 0)


def test_openssl_accepts_the_signature_and_refuses_what_is_on_the_list(world: World, files: Path) -> None:
    at = ["-attime", str(int(NOW.timestamp()) + 60)]
    verify = ["openssl", "verify", "-crl_check", "-partial_chain", "-CAfile", "issuing.pem", "-CRLfile", "crl.pem", *at]
    write(files, make_list(world.issuing, revoking(7)))
    judged = run(
        files, "openssl", "crl", "-inform", "DER", "-in", "crl.der", "-CAfile", "issuing.pem", "-verify", "-noout"
    )
    assert "verify OK" in judged.stderr + judged.stdout
    assert run(files, *verify, "leaf.pem").stdout == "leaf.pem: OK\n"
    write(files, make_list(world.issuing, revoking(7, SERIAL)))
    assert "certificate revoked" in run(files, *verify, "leaf.pem").stderr


def test_gnutls_accepts_the_signature(world: World, files: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    write(files, make_list(world.issuing, revoking(SERIAL), now=now, until=now + timedelta(days=1)))
    judged = run(files, "certtool", "--verify-crl", "--load-ca-certificate", "issuing.pem", "--infile", "crl.pem")
    assert "Verified" in judged.stdout or "verified" in judged.stdout, judged.stdout + judged.stderr
    (files / "other.pem").write_bytes(make_root("Somebody else").pem)
    judged = run(files, "certtool", "--verify-crl", "--load-ca-certificate", "other.pem", "--infile", "crl.pem")
    assert "Not verified" in judged.stdout or judged.returncode, judged.stdout + judged.stderr


@pytest.mark.parametrize("entries", [[], revoking(SERIAL, 7)], ids=["empty", "two"])
def test_pkilint_finds_nothing(world: World, files: Path, entries: list[bytes]) -> None:
    write(files, make_list(world.issuing, entries))
    lint = [str(Path(sys.prefix, "bin", "lint_crl")), "lint", "-t", "CRL", "-p", "PKIX", "-s", "WARNING"]
    judged = run(files, *lint, "crl.der")
    assert (judged.returncode, judged.stdout.strip()) == (0, ""), judged.stdout + judged.stderr


def test_an_empty_list_has_no_element_for_entries(world: World) -> None:
    """RFC 5280 section 5.1.2.6. Fails where the empty SEQUENCE is written: cryptography reads both, pkilint not."""
    assert list(x509.load_der_x509_crl(make_list(world.issuing))) == []


def test_times_from_2050_on_are_generalized(world: World) -> None:
    later = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
    read = x509.load_der_x509_crl(make_list(world.issuing, now=later, until=later + timedelta(seconds=1)))
    assert read.next_update_utc == datetime(2050, 1, 1, tzinfo=UTC)


@given(
    st.lists(
        st.tuples(
            st.integers(1, (1 << 159) - 1),
            st.integers(0, 7_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
            st.sampled_from(sorted(crl.REASONS)),
        ),
        max_size=5,
    )
)
def test_a_page_is_split_into_the_entries_that_it_was_made_of(made: list[tuple[int, datetime, str]]) -> None:
    entries = [crl.entry(*each) for each in made]
    assert list(crl.split(b"".join(entries))) == [
        (serial, der) for (serial, _, _), der in zip(made, entries, strict=True)
    ]


@pytest.mark.parametrize(
    ("serial", "reason", "code"),
    [(0, "superseded", "serial-refused"), (1 << 159, "superseded", "serial-refused"), (1, "bored", "reason-unknown")],
)
def test_an_entry_that_makes_no_sense_is_refused(serial: int, reason: str, code: str) -> None:
    with pytest.raises(PkiError) as refused:
        crl.entry(serial, NOW, reason)
    assert refused.value.code == code


def test_an_authority_that_may_not_sign_lists_is_refused() -> None:
    root = make_root(extensions=[basic_constraints(), key_usage("key_cert_sign")])
    with pytest.raises(PkiError) as refused:
        crl.issuer_of(root.der)
    assert refused.value.code == "issuer-cannot-sign-lists"


def test_a_list_that_ends_before_it_begins_is_refused(world: World) -> None:
    who = crl.issuer_of(world.root.der)
    for number, until, code in ((-1, NEXT, "list-number-refused"), (1, NOW, "list-times-refused")):
        with pytest.raises(PkiError) as refused:
            crl.frame(who, number=number, this_update=NOW, next_update=until, entries_size=0)
        assert refused.value.code == code
