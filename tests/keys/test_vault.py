"""The vault: keys sealed at rest, unlocked only to sign."""

import base64
import logging
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.core import serializers
from django.db import connection
from pytest_django import Settings

from core.errors import Refused
from keys import kek, services
from keys.kek import NoKek, WrongKek
from keys.models import Canary, Key

pytestmark = pytest.mark.django_db

OTHER_KEK = base64.b64encode(bytes(32)).decode()


def test_it_signs_with_a_key_that_it_made() -> None:
    key = services.create_key("P-256", purpose="authority")

    signature = services.sign(key.pk, b"to be signed")

    public = load_der_public_key(services.public_key(key.pk))
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(signature, b"to be signed", ec.ECDSA(SHA256()))


def test_it_counts_every_signature() -> None:
    key = services.create_key("P-256", purpose="authority")
    services.sign(key.pk, b"one")
    services.sign(key.pk, b"two")
    key.refresh_from_db()
    assert key.signatures == 2


def test_no_part_of_a_private_key_lies_in_the_database() -> None:
    """G6. Fails when `create_key` stores the result of `generate` instead of what `seal` returns."""
    key = services.create_key("P-256", purpose="gateway")
    private_der = services.open_private_key(key.pk)
    dump = serializers.serialize("json", [*Key.objects.all(), *Canary.objects.all()])
    scalar = private_der[36:68]  # of the SEC1 key inside PKCS#8
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM keys_key")
        raw = b"".join(
            bytes(value) for row in cursor.fetchall() for value in row if isinstance(value, bytes | memoryview)
        )
    assert scalar not in raw
    assert base64.b64encode(scalar).decode()[:20] not in dump
    assert scalar.hex() not in raw.hex()


def test_a_destroyed_key_is_gone() -> None:
    key = services.create_key("P-256", purpose="gateway")
    assert services.destroy_key(key.pk)
    with pytest.raises(Refused, match="new certificate"):
        services.open_private_key(key.pk)
    key.refresh_from_db()
    assert not key.wrapped_key
    assert not key.ciphertext


def test_destroying_twice_happens_once() -> None:
    key = services.create_key("P-256", purpose="gateway")
    assert [services.destroy_key(key.pk), services.destroy_key(key.pk)] == [True, False]


def test_a_wrong_key_encryption_key_signs_nothing(settings: Settings) -> None:
    """G6. Fails when `check_kek` no longer opens the canary."""
    key = services.create_key("P-256", purpose="authority")
    settings.KEK = OTHER_KEK
    with pytest.raises(WrongKek):
        services.check_kek()
    with pytest.raises(WrongKek):
        services.sign(key.pk, b"never")
    with pytest.raises(WrongKek):
        services.create_key("P-256", purpose="authority")
    key.refresh_from_db()
    assert key.signatures == 0


def test_a_missing_key_encryption_key_says_so(settings: Settings, tmp_path: Path) -> None:
    settings.KEK, settings.KEK_FILE = "", tmp_path / "none"
    with pytest.raises(NoKek, match="missing"):
        services.check_kek()


@pytest.mark.parametrize("content", ["", "not base64!", base64.b64encode(b"short").decode()])
def test_a_damaged_key_encryption_key_is_refused(settings: Settings, tmp_path: Path, content: str) -> None:
    settings.KEK, settings.KEK_FILE = "", tmp_path / "kek"
    settings.KEK_FILE.write_text(content)
    with pytest.raises(NoKek):
        kek.read()


def test_the_first_run_makes_the_key_for_the_owner_alone(settings: Settings, tmp_path: Path) -> None:
    settings.KEK, settings.KEK_FILE = "", tmp_path / "deep" / "kek"
    assert services.prepare()
    assert settings.KEK_FILE.stat().st_mode & 0o777 == 0o600
    assert not services.prepare()


def test_a_database_with_keys_never_gets_a_new_key_encryption_key(settings: Settings, tmp_path: Path) -> None:
    services.check_kek()
    settings.KEK, settings.KEK_FILE = "", tmp_path / "lost"
    with pytest.raises(NoKek):
        services.prepare()
    assert not settings.KEK_FILE.exists()


def test_keys_stay_out_of_logs_and_errors(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """G6. Fails when an error of `read_private_key` or `open_sealed` carries its input along."""
    key = services.create_key("P-256", purpose="gateway")
    private_der = services.open_private_key(key.pk)
    settings.KEK = OTHER_KEK
    with caplog.at_level(logging.DEBUG), pytest.raises(WrongKek) as raised:
        services.sign(key.pk, b"never")
    said = caplog.text + repr(raised.value) + repr(raised.value.__cause__) + repr(raised.value.__context__)
    assert private_der[36:68].hex() not in said
    assert settings.KEK not in said
