"""Uploads that attack, leak or confuse: rows 6 to 12 of what the upload page must survive."""

import base64
import gzip
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from accounts.models import User
from cas.models import Authority
from core import clock
from tests.pki.makers import (
    NOW,
    Made,
    at,
    basic_constraints,
    extended_key_usage,
    key_usage,
    make_issuing,
    make_leaf,
    make_root,
    p256_key,
    private_der,
    private_pem,
    rsa_key,
    to_name,
)

pytestmark = pytest.mark.django_db
URL = "/authorities/upload/"
ROOT = make_root()
CA = [basic_constraints(), key_usage("key_cert_sign", "crl_sign")]


@pytest.fixture(autouse=True)
def _at_a_fixed_instant() -> Iterator[None]:
    with clock.at(NOW):
        yield


@pytest.fixture
def browser(vendor_user: User, client_of: Callable[[User], Client]) -> Client:
    return client_of(vendor_user)


# Row 6: what is no authority


@pytest.mark.parametrize(
    ("certificate", "code"),
    [
        (make_root(extensions=[key_usage("key_cert_sign")]), "not-a-ca"),
        (make_root(extensions=[basic_constraints(ca=False), key_usage("key_cert_sign")]), "not-a-ca"),
        (make_root(extensions=[basic_constraints(), key_usage("crl_sign")]), "no-key-cert-sign"),
        (make_root(extensions=[*CA, extended_key_usage(ExtendedKeyUsageOID.SERVER_AUTH)]), "eku-without-client-auth"),
        (make_root(not_before=at(2010), not_after=at(2020)), "expired"),
        (make_root(extensions=[*CA, ("1.2.3.4.5", True, b"\x05\x00")]), "unknown-critical-extension"),
        (make_leaf(make_root()), "leaf-alone"),
    ],
)
def test_what_is_no_authority_is_refused_by_name(browser: Client, certificate: Made, code: str) -> None:
    assert code in _send(browser, certificate.pem)
    assert not Authority.objects.exists()


@pytest.mark.parametrize(
    ("certificate", "code"),
    [
        (make_root(extensions=[basic_constraints()]), "no-key-usage"),
        (make_root(key=rsa_key(2048, "old"), digest=hashes.SHA1()), "old-self-signature"),
        (make_root(serial=0), "serial-not-positive"),
    ],
)
def test_what_real_roots_have_is_a_warning(browser: Client, certificate: Made, code: str) -> None:
    assert code in _send(browser, certificate.pem, hand_in=False)
    _send(browser, certificate.pem)
    assert Authority.objects.count() == 1


# Row 7 is in test_upload.py, with the duplicates. Row 8: weak keys


@pytest.mark.parametrize(
    ("certificate", "code"),
    [
        (make_root(key=rsa_key(1024)), "weak-key"),
        (make_root(key=rsa_key(2048, "three", 3)), "weak-key"),
        (make_issuing(make_root(key=rsa_key(2048, "old")), digest=hashes.SHA1()), "old-signature"),
    ],
)
def test_weak_keys_and_signatures_are_refused_by_name(browser: Client, certificate: Made, code: str) -> None:
    assert code in _send(browser, certificate.pem)
    assert not Authority.objects.exists()


# Row 9: private keys

CANARY = p256_key("canary")
KEY_FILES = {
    "pkcs8.pem": private_pem(CANARY),
    "encrypted.pem": private_pem(CANARY, password=b"secret"),
    "after-a-certificate.pem": ROOT.pem + private_pem(CANARY),
    "sec1.der": private_der(CANARY, serialization.PrivateFormat.TraditionalOpenSSL),
    "pkcs8.der": private_der(CANARY, serialization.PrivateFormat.PKCS8),
    "openssh": CANARY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ),
    "bag.p12": pkcs12.serialize_key_and_certificates(
        b"canary", CANARY, None, None, serialization.BestAvailableEncryption(b"secret")
    ),
}


@pytest.mark.parametrize("name", KEY_FILES)
def test_a_private_key_is_refused_and_no_byte_of_it_is_kept(
    browser: Client, name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """G6: fails without `_require_no_private_key(files)` in `pki.intake.read_files`."""
    caplog.set_level(logging.DEBUG)
    page = _send(browser, KEY_FILES[name], name=name)
    assert "Treat this private key as exposed" in page
    assert not Authority.objects.exists()
    printed = "".join(capfd.readouterr())
    sinks = [page, caplog.text, printed, _everything_in_the_database(), *_files_of_the_product()]
    for trace in _traces(KEY_FILES[name]):
        assert not any(trace in sink for sink in sinks)


def test_a_private_key_that_is_pasted_is_not_shown_again(browser: Client) -> None:
    page = browser.post(URL, {"pasted": private_pem(CANARY).decode()}).content.decode()
    assert "Treat this private key as exposed" in page
    assert private_pem(CANARY).decode().splitlines()[1] not in page


# Row 10: too much


@pytest.mark.parametrize(
    "content",
    [
        b"-----BEGIN CERTIFICATE-----\n" * 100_000,
        gzip.compress(b"0" * 1_000_000),
        b"\x30\x80" * 100_000,
        b"\x30\x84\x7f\xff\xff\xff" + b"\x00" * 100,
        ROOT.pem + make_issuing(ROOT).pem[:-60],
        b"0" * (1024 * 1024 + 1),
    ],
    ids=["begin lines", "gzip", "deep", "lying length", "truncated bundle", "large"],
)
def test_too_much_is_refused_at_once_and_as_a_whole(browser: Client, content: bytes) -> None:
    started = time.process_time()
    page = _send(browser, content)
    assert time.process_time() - started < 1
    assert "This cannot be taken" in page
    assert not Authority.objects.exists()


def test_fifty_megabytes_are_not_read(browser: Client) -> None:
    answer = browser.post(URL, b"", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=str(50 << 20))
    assert answer.status_code == 413


# Row 11: forms of files


@pytest.mark.parametrize(
    "content",
    [
        b"subject=Acme\n" + ROOT.pem + b"and more text\n",
        ROOT.pem.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + ROOT.pem,
        ROOT.der,
        pkcs7.serialize_certificates([ROOT.certificate], serialization.Encoding.DER),
        pkcs7.serialize_certificates([ROOT.certificate], serialization.Encoding.PEM),
        base64.encodebytes(ROOT.der),
    ],
    ids=["text around", "CRLF", "BOM", "DER", "PKCS#7 DER", "PKCS#7 PEM", "base64"],
)
def test_every_usual_form_is_understood(browser: Client, content: bytes) -> None:
    _send(browser, content)
    assert Authority.objects.get().sha256 == ROOT.sha256


@pytest.mark.parametrize("content", [ROOT.pem.decode().encode("utf-16"), b"hello", b"\x00" * 40])
def test_what_is_no_certificate_file_is_refused_in_words(browser: Client, content: bytes) -> None:
    assert "This cannot be taken" in _send(browser, content)


# Row 12: names that are markup or control characters

NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def test_markup_in_names_is_inert_wherever_it_is_shown(browser: Client, operator: User) -> None:
    nasty = make_root(to_name(NASTY[:64]))
    assert "<script>alert" not in _send(browser, nasty.pem, hand_in=False)
    _send(browser, nasty.pem, name="<img src=x>.pem")
    authority = Authority.objects.get()
    for url in (f"/authorities/{authority.pk}/", "/authorities/"):
        page = browser.get(url).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page


def test_control_characters_in_names_become_visible(browser: Client, operator: User) -> None:
    name = "CA\x00\x1b[31m\u202efdp.exe\r\nBcc: all@example.com"
    _send(browser, make_root(name).pem)
    authority = Authority.objects.get()
    assert authority.name.isprintable()
    assert "\\x00" in authority.name
    assert browser.get(f"/authorities/{authority.pk}/").status_code == 200


def test_a_download_is_named_harmlessly(browser: Client, operator: User) -> None:
    _send(browser, make_root('a"; filename="evil.exe').pem)
    answer = browser.get(f"/authorities/{Authority.objects.get().pk}/certificate/pem/")
    assert answer["Content-Disposition"] == 'attachment; filename="a-filenameevilexe.pem"'


# Row 24: odd times


@pytest.mark.parametrize("end", [at(2049, 12, 31), at(2050, 1, 1), at(9999, 12, 31), at(2028, 2, 29)])
def test_any_end_can_be_drawn(browser: Client, operator: User, end: object) -> None:
    _send(browser, make_root(not_after=end).pem)
    authority = Authority.objects.get()
    assert authority.not_after == end
    assert browser.get(f"/authorities/{authority.pk}/").status_code == 200


def _send(browser: Client, content: bytes, *, name: str = "ca.pem", hand_in: bool = True) -> str:
    form: dict[str, object] = {"files": SimpleUploadedFile(name, content)}
    return browser.post(URL, form | ({"hand_in": "yes"} if hand_in else {}), follow=True).content.decode()


def _traces(content: bytes) -> list[str]:
    """What a leak of the key would look like: in PEM, base64, hex, or as its number."""
    secret = CANARY.private_numbers().private_value
    raw = secret.to_bytes(32, "big")
    certificate_lines = ROOT.pem.splitlines()
    pem_lines = content.splitlines() if b"PRIVATE" in content else []
    own = [line.decode() for line in pem_lines if len(line) == 64 and line not in certificate_lines]
    return [*own, base64.b64encode(raw[1:31]).decode(), raw.hex(), str(secret)]


def _everything_in_the_database() -> str:
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            found += [_spelled(value) for row in cursor.fetchall() for value in row]
    return "\n".join(found)


def _spelled(value: object) -> str:
    raw = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
    return f"{raw.decode(errors='replace')} {raw.hex()} {base64.b64encode(raw).decode()}"


def _files_of_the_product() -> list[str]:
    folder = Path(settings.DATA_DIR)
    return [file.read_bytes().decode(errors="replace") for file in folder.rglob("*") if file.is_file()]


def test_the_search_for_traces_finds_a_leak() -> None:
    """The proof that the search above can fail."""
    content = KEY_FILES["pkcs8.pem"]
    assert any(trace in content.decode() for trace in _traces(content))
