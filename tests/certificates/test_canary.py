"""Secrets, searched for in every sink after a failure that is forced at every step (row 25)."""

import base64
import io
import logging
import os
import secrets as random
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyrage  # type: ignore[import-untyped]  # it publishes none
import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.signals import got_request_exception
from django.test import Client
from django.urls import reverse
from django.views.debug import get_default_exception_reporter_filter as default_filter
from pytest_django import Settings

from accounts import reauthentication
from accounts.models import Deployment, User, Vendor
from audit.models import Record
from audit.services import SYSTEM, record
from cas import bulk as register
from cas.models import Authority
from cas.services import signing as signatures
from certificates import batch_forms, tasks
from certificates import bulk as certificate_rows
from certificates.forms import MADE_HERE
from certificates.models import Batch, Certificate, Chunk, Request
from certificates.services import (
    approve_request,
    batch_archive,
    batch_checking,
    batch_issuing,
    custody,
    issuing,
    requests,
    set_policy,
)
from certificates.services.batches import Entry, Wish, create_batch, work_left
from core import bell, clock
from gateways.models import Gateway
from keys import kek
from keys import services as vault
from pki import kit, private_keys, sealing
from pki.age_lock import AgeLock
from tests import canary
from tests.certificates.watching import Step, Watch
from tests.pki import makers

ClientOf = Callable[[User], Client]
PASS_PHRASE = "Ünderground-lantern 42"  # not of ASCII alone
EUIS = [f"58A0CBFFFE80{number:04X}" for number in range(3)]
AT_REQUEST: list[Step] = [
    (private_keys, "public_key_der"), (sealing, "seal"), (requests, "hold_key"), (requests, "content_sha256"),
    (requests, "record"),
]  # fmt: skip
AT_WORK: list[Step] = [
    (issuing, "validity"), (issuing, "prepare"), (signatures, "read_certificate"), (sealing, "open_sealed"),
    (private_keys, "sign_each"), (signatures, "complete"), (signatures, "_keep"), (issuing, "read_certificate"),
    (issuing, "refresh_current"), (issuing, "_tell"),
]  # fmt: skip
AT_HANDOVER: list[tuple[str, Step]] = [
    ("kit", (custody, "record")), ("kit", (sealing, "open_sealed")), ("kit", (kit, "station_kit")),
    ("key", (custody, "record")), ("key", (kit, "private_key_pem")), ("receipt", (vault, "destroy_key")),
]  # fmt: skip
IN_BATCH: list[Step] = [
    (batch_checking, "judge"), (batch_checking, "_write"), (private_keys, "public_key_der"), (sealing, "seal"),
    (vault, "_new_row"), (batch_issuing, "hash_content"), (batch_issuing, "_hold_keys"), (register, "reserve_many"),
    (certificate_rows, "insert_requests"), (batch_issuing, "_advance"), (register, "_refuse_unrecorded"),
    (private_keys, "sign_each"), (register, "complete"), (register, "join"), (batch_issuing, "_finish"),
    (register, "keep_many"), (certificate_rows, "insert_certificates"), (batch_issuing, "refresh_after_issue"),
    (batch_issuing, "record_many"),
]  # fmt: skip
IN_ARCHIVE: list[Step] = [
    (batch_forms, "for_pass_phrase"), (batch_archive, "record"), (batch_archive, "manifest"),
    (batch_archive, "certificates_of"), (kit, "station_files"), (sealing, "open_sealed"), (kit, "private_key_pem"),
    (AgeLock, "close"), (batch_archive._Tar, "add"), (batch_archive._Tar, "end"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def watch(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Watch]:
    """From before the first key is made. The key-encryption key and each private key of the test are secrets."""
    watch = Watch(monkeypatch, tmp_path)
    wrapping = random.token_bytes(32)
    settings.KEK = base64.b64encode(wrapping).decode()
    watch.secrets.append(canary.of_octets("the key-encryption key", wrapping))
    generate = private_keys.generate

    def remembered(key_type: str) -> bytes:
        made = generate(key_type)
        watch.secrets.append(canary.of_key(f"key {len(watch.secrets)} ({key_type})", made))
        return made

    def told(task: Any, row_ids: tuple[int, ...]) -> None:
        watch.told.append((task.name, row_ids))

    def failed(sender: object, request: Any, **_: object) -> None:
        error = sys.exc_info()[1]
        assert error is not None
        watch.reports.append(canary.reports(error, request))

    monkeypatch.setattr(private_keys, "generate", remembered)
    monkeypatch.setattr(bell, "_call", told)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setitem(os.environ, "TMPDIR", str(tmp_path))
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    logging.getLogger().addHandler(watch.logs)
    got_request_exception.connect(failed)
    yield watch
    got_request_exception.disconnect(failed)
    logging.getLogger().removeHandler(watch.logs)


@pytest.fixture
def client(client_of: ClientOf, vendor_user: User) -> Client:
    """The vendor's, with the password just given; a failure is answered as in production."""
    client = client_of(vendor_user)
    client.raise_request_exception = False
    session = client.session
    session[reauthentication.KEY] = clock.now().timestamp()
    session.save()
    return client


@pytest.fixture
def made(operator: User, vendor: Vendor, issuing: Authority, kits: Deployment) -> Batch:
    """A batch of three gateways whose keys are made here; nothing is done yet."""
    set_policy(vendor, actor=operator, authority=issuing, automatic=True)
    for eui in EUIS:
        Gateway.objects.create(eui=eui, vendor=vendor, registered_by=operator)
    entries = [Entry(eui) for eui in EUIS]
    return create_batch(operator, vendor, entries, Wish("a list", 365, "P-256"), idempotency_key="b")


def work(watch: Watch, batch: Batch) -> None:
    """One step further; who held it before is dead."""
    Chunk.objects.update(lease_owner="", lease_until=None, attempts=0)
    for pk in work_left(batch):
        watch.works(tasks.work_on_chunk, pk)


def keys_of(watch: Watch, kind: str) -> list[canary.Secret]:
    return [each for each in watch.secrets if kind in each.name]


# -------------------------------------------------------------------------------------------------- one by one


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key_type", ["P-256", "RSA 2048"])
def test_a_key_made_for_a_request_is_in_no_sink_whatever_fails(
    policy: None, gateway: Gateway, kits: Deployment, operator: User, client: Client, watch: Watch, settings: Settings,
    key_type: str,
) -> None:  # fmt: skip
    """G6. Fails when a key is put into an act's details, as `key=…` in `certificates.services.custody._open`; when an
    error quotes what it was given; and without `core.reports`, because a page about an error shows what was in hand."""
    values = {"source": MADE_HERE, "key_type": key_type, "lifetime_days": "365", "idempotency_key": "k"}
    path = reverse("certificates:new", args=[gateway.pk])
    for step in AT_REQUEST:
        for settings.DEBUG in (False, True):
            with watch.failing(step):
                assert watch.posts(client, path, values) == 500
    settings.DEBUG = False
    assert watch.posts(client, path, values) == 302
    wish = Request.objects.get()
    approve_request(wish, actor=operator, expected_sha256=wish.content_sha256)
    settings.DEBUG = True  # each statement is in the log
    for step in AT_WORK:
        with watch.failing(step):
            watch.works(tasks.issue, wish.pk)
        Request.objects.update(lease_owner="", lease_until=None, attempts=0)
    settings.DEBUG = False
    watch.works(tasks.issue, wish.pk)
    certificate = Certificate.objects.get()
    for what, step in AT_HANDOVER:
        for settings.DEBUG in (False, True):
            with watch.failing(step):
                assert watch.posts(client, f"/certificates/{certificate.pk}/{what}/") == 500
    settings.DEBUG = False
    for page in (f"/certificates/{certificate.pk}/", f"/requests/{wish.pk}/", f"/gateways/{gateway.pk}/"):
        watch.handed.append(client.get(page).content)

    pem = client.post(f"/certificates/{certificate.pk}/key/").content
    assert canary.found(watch.secrets[-1:], {"what its holder gets": pem}), "this is not the key that is looked for"
    assert len(keys_of(watch, key_type)) >= 4, "keys that were made in vain are looked for too"
    assert "forced" in watch.sinks()["logs"].decode()
    client.post(f"/certificates/{certificate.pk}/receipt/")
    assert watch.found() == []


# ---------------------------------------------------------------------------------------------------- batches


@pytest.mark.django_db(transaction=True)
def test_the_keys_of_a_batch_are_in_no_sink_whatever_fails(made: Batch, watch: Watch, settings: Settings) -> None:
    """G6. Fails when `keys.services.create_keys` says in an error which row it could not write."""
    settings.DEBUG = True  # each statement is in the log
    for step in IN_BATCH:
        with watch.failing(step):
            work(watch, made)
        if step == (batch_checking, "_write"):
            work(watch, made)  # checked: what follows is issuing
    work(watch, made)
    made.refresh_from_db()
    assert (made.state, Certificate.objects.count()) == (Batch.State.DONE, 3)
    assert len(keys_of(watch, "P-256")) > 3 * 5, "keys that were made in vain are looked for too"
    assert any("forced" in each for each in watch.results)
    assert watch.found() == []


@pytest.mark.django_db(transaction=True)
def test_an_archive_shows_no_key_and_no_pass_phrase_wherever_it_breaks_off(
    made: Batch, client: Client, watch: Watch, settings: Settings
) -> None:
    """G6. Fails when `_write` of `batch_archive` adds a key as it is, and without `core.reports`."""
    for _ in range(2):
        work(watch, made)
    watch.secrets.append(canary.of_text("the pass phrase", PASS_PHRASE))
    path, values = reverse("certificates:batch_archive", args=[made.pk]), {"keys": "1", "pass_phrase": PASS_PHRASE}
    locked = pyrage.passphrase.encrypt(b"AGE-SECRET-KEY-1", PASS_PHRASE)
    with watch.patch.context() as faster:
        faster.setattr(pyrage.passphrase, "encrypt", lambda *_: locked)  # scrypt takes a second each time
        for step in IN_ARCHIVE:
            for settings.DEBUG in (False, True):
                with watch.failing(step):
                    watch.posts(client, path, values)
    settings.DEBUG = False
    watch.posts(client, path, {"keys": "1", "pass_phrase": "short"})
    whole = client.post(path, values)
    pieces = list(whole.streaming_content)  # type: ignore[attr-defined]  # what Django streams
    watch.handed += pieces
    watch.handed.append(client.get(reverse("certificates:batch_manifest", args=[made.pk])).getvalue())
    identity = pyrage.passphrase.decrypt(_member(b"".join(pieces), "identity.age"), PASS_PHRASE)
    watch.secrets.append(canary.of_octets("the archive's own age key", identity.strip()))
    opened = pyrage.decrypt(
        _member(b"".join(pieces), f"{EUIS[0]}/cups.key.age"),
        [pyrage.x25519.Identity.from_str(identity.decode().strip())],
    )
    assert canary.found(watch.secrets, {"what its holder reads": opened}), "no key that is looked for is in it"
    assert watch.found() == []


def _member(archive: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        file = tar.extractfile(name)
        assert file is not None
        return file.read()


# ------------------------------------------------------------------------------------- what the search can find


def plant_in_rows(secret: bytes, watch: Watch) -> None:
    record(SYSTEM, "test.planted", subject=Deployment(name="x"), details=secret.hex())


def plant_in_logs(secret: bytes, watch: Watch) -> None:
    logging.getLogger("anything").debug("it is %r", secret)


def plant_in_a_traceback(secret: bytes, watch: Watch) -> None:
    def fail() -> None:
        raise RuntimeError(makers.to_pem(secret, "PRIVATE KEY").decode())

    watch.tries(fail)


def plant_in_a_message(secret: bytes, watch: Watch) -> None:
    bell.ring(tasks.issue, int.from_bytes(_scalar(secret), "big"))


def plant_in_a_result(secret: bytes, watch: Watch) -> None:
    watch.results.append(base64.urlsafe_b64encode(b"x" + secret).decode())


def plant_in_a_file(secret: bytes, watch: Watch) -> None:
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(_scalar(secret))


def plant_in_mail(secret: bytes, watch: Watch) -> None:
    mail.send_mail("a key", makers.to_pem(secret, "PRIVATE KEY").decode(), None, ["jonas@kestrel.example"])


def plant_in_an_archive(secret: bytes, watch: Watch) -> None:
    watch.handed.append(b"ab" + base64.b64encode(b"\x00\x01" + secret))


def _scalar(pkcs8: bytes) -> bytes:
    return pkcs8[36:68]  # of P-256, as `cryptography` writes it


PLANTS = {
    "rows": plant_in_rows,
    "logs": plant_in_logs,
    "reports": plant_in_a_traceback,
    "what workers are told": plant_in_a_message,
    "what workers answer": plant_in_a_result,
    "temporary files": plant_in_a_file,
    "mail": plant_in_mail,
    "pages and archives": plant_in_an_archive,
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sink", PLANTS)
def test_a_key_that_is_planted_in_a_sink_is_found_there(watch: Watch, sink: str) -> None:
    secret = private_keys.generate("P-256")
    assert watch.found() == []
    PLANTS[sink](secret, watch)
    assert {hit.partition(":")[0] for hit in watch.found()} - {"the database's own files"} == {sink}


def test_a_report_shows_nothing_that_was_in_hand(watch: Watch, settings: Settings) -> None:
    """Django's own shows the local variables of each frame with DEBUG, and settings.KEK without it."""
    private_keys.generate("P-256")
    ours = settings.DEFAULT_EXCEPTION_REPORTER_FILTER
    named: dict[str, list[str]] = {
        ours: [],
        "django.views.debug.SafeExceptionReporterFilter": ["the key-encryption key"],
    }
    for settings.DEFAULT_EXCEPTION_REPORTER_FILTER, shown in named.items():
        clear_cache()
        watch.reports.clear()
        watch.tries(fail_with_a_key_in_hand)
        assert [
            secret.name for secret in watch.secrets if canary.found([secret], {"reports": b"".join(watch.reports)})
        ] == shown
    clear_cache()


def clear_cache() -> None:
    default_filter.cache_clear()  # type: ignore[attr-defined]  # it is cached


def fail_with_a_key_in_hand() -> None:
    in_hand = kek.read()
    raise RuntimeError(f"{len(in_hand)} octets")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "field", "more"),
    [
        ("record", "leaf", {}),
        ("request", "csr", {"source": "csr", "lifetime_days": "365", "idempotency_key": "k", "key_type": "P-256"}),
    ],
)
def test_a_private_key_that_somebody_pastes_is_kept_nowhere_and_not_shown_again(
    path: str, field: str, more: dict[str, Any], policy: None, gateway: Gateway, client: Client, watch: Watch
) -> None:
    """Row 9: fails without `_PemArea` in `certificates.forms`."""
    key = makers.p256_key("pasted")
    watch.secrets.append(canary.of_key("the pasted key", makers.private_der(key, PrivateFormat.PKCS8)))
    watch.posts(client, f"/gateways/{gateway.pk}/{path}/", {field: makers.private_pem(key).decode(), **more})
    assert "private key" in watch.handed[0].decode()
    assert watch.found() == []


@pytest.mark.django_db
@pytest.mark.parametrize("packed", [True, False])
def test_a_private_key_in_a_batch_is_kept_nowhere(
    policy: None, vendor_user: User, client: Client, watch: Watch, packed: bool
) -> None:
    """Row 9: fails without `_refuse_private_key` in `certificates.services.batch_sources`."""
    key = makers.p256_key("pasted")
    watch.secrets.append(canary.of_key("the key in the batch", makers.private_der(key, PrivateFormat.PKCS8)))
    pem = makers.private_pem(key) + makers.to_pem(makers.make_csr(EUIS[0], key=key), "CERTIFICATE REQUEST")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("gateway.key", pem)
    file = SimpleUploadedFile("all", out.getvalue() if packed else pem)
    values = {"source": "csrs", "file": file, "lifetime_days": "365", "idempotency_key": "z"}
    watch.posts(client, reverse("certificates:new_batch"), values)
    assert "Treat this key as exposed" in watch.handed[0].decode()
    assert not Batch.objects.exists()
    assert watch.found() == []
    assert not Record.objects.filter(action="batch.made").exists()
