"""What people do with batches: files of every kind, the page, and the archive with its locked keys."""

import csv
import html
import io
import re
import ssl
import tarfile
import zipfile
from collections.abc import Callable
from datetime import timedelta

import pyrage  # type: ignore[import-untyped]  # it publishes none
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import Deployment, User, Vendor
from audit.models import Record
from cas.models import Authority
from certificates.models import Batch, Certificate, Line
from certificates.services import batch_sources, set_policy
from certificates.services.batches import Entry, Wish, create_batch, work_left
from certificates.tasks import work_on_chunk
from core import bell, clock
from core.errors import Refused
from gateways.models import Gateway
from gateways.services import register
from pki.facts import read_certificate
from tests.certificates.conftest import CUPS_URI
from tests.pki.makers import make_csr, p256_key, to_pem

pytestmark = pytest.mark.django_db(transaction=True)
EUIS = [f"58A0CBFFFE80{number:04X}" for number in range(4)]
ClientOf = Callable[[User], Client]


@pytest.fixture
def fleet(operator: User, vendor: Vendor, issuing: Authority) -> list[Gateway]:
    set_policy(vendor, actor=operator, authority=issuing, automatic=True)
    return [Gateway.objects.create(eui=eui, vendor=vendor, registered_by=operator) for eui in EUIS]


@pytest.fixture
def made(vendor_user: User, vendor: Vendor, fleet: list[Gateway], kits: Deployment) -> Batch:
    """A finished batch whose keys are sealed here."""
    batch = create_batch(
        vendor_user, vendor, [Entry(eui) for eui in EUIS], Wish("a list", 365, "P-256"), idempotency_key="m"
    )
    for _ in range(2):
        for pk in work_left(batch):
            work_on_chunk(pk)
    batch.refresh_from_db()
    assert batch.state == Batch.State.DONE
    return batch


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def unpacked(response: object) -> dict[str, bytes]:
    content = b"".join(response.streaming_content)  # type: ignore[attr-defined]  # what Django streams
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {each.name: archive.extractfile(each).read() for each in archive.getmembers()}  # type: ignore[union-attr]  # files only


# ------------------------------------------------------------------------------------------------------- sources


def test_a_zip_of_csrs_in_pem_and_der_is_a_batch(
    vendor_user: User, fleet: list[Gateway], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    ders = [make_csr(eui, key=p256_key(eui)) for eui in EUIS]
    files = {"a/1.csr": ders[0], "2.pem": to_pem(ders[1], "CERTIFICATE REQUEST"), "3.csr": b"\x00", "a/": b""}
    upload = SimpleUploadedFile("all.zip", zipped(files))
    values = {"source": "csrs", "file": upload, "lifetime_days": "365", "idempotency_key": "z"}
    with bell.in_process():
        answer = signed_in(vendor_user).post(reverse("certificates:new_batch"), values, follow=True)
    assert sorted(Certificate.objects.values_list("gateway__eui", flat=True)) == EUIS[:2]
    assert "3.csr" in answer.text


def test_one_file_of_many_pem_blocks_is_a_batch() -> None:
    ders = [make_csr(eui, key=p256_key(eui)) for eui in EUIS]
    content = b"\n".join(to_pem(der, "CERTIFICATE REQUEST") for der in ders)
    assert [each.csr for each in batch_sources.csrs(content)] == ders


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"58A0CBFFFE800000\r\n\r\n58a0:cbff:fe80:1\n", ["58A0CBFFFE800000", "58a0:cbff:fe80:1"]),
        (b"eui,name\n58A0CBFFFE800000,mast\n", ["58A0CBFFFE800000"]),
        (b'\xef\xbb\xbf"58A0CBFFFE800000";mast # old\n', ["58A0CBFFFE800000"]),
        (b"# nothing\n", []),
    ],
)
def test_a_list_of_euis_is_read_as_people_write_them(content: bytes, found: list[str]) -> None:
    assert [each.text for each in batch_sources.euis(content)] == found


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04 broken", b"no blocks at all", b"-----BEGIN CERTIFICATE REQUEST-----\n"]
)
def test_a_file_that_is_no_batch_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(Refused) as caught:
        batch_sources.csrs(content)
    assert caught.value.message.endswith(".")


def test_a_zip_bomb_is_read_no_further_than_a_csr_is_long() -> None:
    bomb = zipped({f"{number}.csr": b"\0" * 5_000_000 for number in range(3)})
    assert [len(each.csr or b"") for each in batch_sources.csrs(bomb)] == [batch_sources.MAX_CSR_BYTES] * 3


def test_gateways_whose_certificate_ends_are_taken_by_the_day(
    vendor_user: User, made: Batch, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    values = {
        "source": "ending", "before": "2040-01-01", "key_type": "P-256", "lifetime_days": "365", "idempotency_key": "e",
    }  # fmt: skip
    with bell.in_process():
        signed_in(vendor_user).post(reverse("certificates:new_batch"), values)
    assert Certificate.objects.count() == 8


def test_a_batch_is_made_of_a_filtered_list(
    vendor_user: User, fleet: list[Gateway], other_vendor: Vendor, operator: User
) -> None:
    register(operator, other_vendor, "58A0CBFFFE900000", "Mast of somebody else")
    Gateway.objects.filter(eui__in=EUIS[:2]).update(name="Mast")
    client = signed_in(vendor_user)
    link = re.search(r'id="certify" href="([^"]+)"', client.get("/gateways/?q=Mast").content.decode())
    assert link is not None
    shown = client.get(html.unescape(link[1])).content.decode()
    assert '<input type="hidden" name="filter" value="q=Mast"' in shown
    assert "The 2 gateways of the list" in shown
    posted = {
        "source": "list", "filter": "q=Mast", "key_type": "P-256", "lifetime_days": "365", "idempotency_key": "l",
    }  # fmt: skip
    client.post("/batches/new/", posted)
    lines = Line.objects.filter(chunk__batch=Batch.objects.get()).order_by("number")
    assert [line.text for line in lines] == EUIS[:2]
    assert "q=Mast" in Batch.objects.get().source


def test_a_batch_of_a_list_has_gateways_of_one_vendor(
    operator: User, vendor: Vendor, other_vendor: Vendor, fleet: list[Gateway]
) -> None:
    register(operator, other_vendor, "58A0CBFFFE900000", "Mast of somebody else")
    posted = {
        "source": "list", "filter": "", "vendor": vendor.pk, "key_type": "P-256", "lifetime_days": "365",
        "idempotency_key": "l",
    }  # fmt: skip
    signed_in(operator).post("/batches/new/", posted)
    assert set(Line.objects.values_list("text", flat=True)) == set(EUIS)


def test_a_list_whose_filter_chooses_nothing_any_more_makes_no_batch_of_all(
    vendor_user: User, fleet: list[Gateway]
) -> None:
    posted = {
        "source": "list", "filter": "authority=999999", "key_type": "P-256", "lifetime_days": "365",
        "idempotency_key": "l",
    }  # fmt: skip
    assert "not a single gateway" in signed_in(vendor_user).post("/batches/new/", posted).content.decode()
    assert not Batch.objects.exists()


# --------------------------------------------------------------------------------------------------- the archive


def test_the_archive_has_a_folder_for_each_gateway_and_a_manifest(vendor_user: User, made: Batch) -> None:
    files = unpacked(signed_in(vendor_user).post(reverse("certificates:batch_archive", args=[made.pk])))
    rows = list(csv.DictReader(io.StringIO(files["manifest.csv"].decode())))
    assert sorted(row["EUI"] for row in rows) == EUIS
    for row in rows:
        first = files[f"{row['EUI']}/cups.crt"].decode().partition("-----END")[0] + "-----END CERTIFICATE-----"
        facts = read_certificate(ssl.PEM_cert_to_DER_cert(first))
        assert (facts.name, facts.serial, facts.sha256) == (row["EUI"], row["Serial"], row["SHA-256"])
        assert files[f"{row['EUI']}/cups.uri"].decode() == CUPS_URI
    assert not [name for name in files if "key" in name]


def test_keys_are_locked_for_the_owner_of_an_age_key(vendor_user: User, made: Batch) -> None:
    identity = pyrage.x25519.Identity.generate()
    values = {"keys": "1", "recipient": str(identity.to_public())}
    files = unpacked(signed_in(vendor_user).post(reverse("certificates:batch_archive", args=[made.pk]), values))
    for eui in EUIS:
        pem = pyrage.decrypt(files[f"{eui}/cups.key.age"], [identity])
        leaf = read_certificate(bytes(Certificate.objects.get(gateway__eui=eui).der))
        public = load_pem_private_key(pem, None).public_key()
        assert leaf.spki_sha256 == Certificate.objects.get(gateway__eui=eui).spki_sha256
        assert public.public_numbers() == leaf_key(leaf.der)  # type: ignore[union-attr]  # P-256
    assert not [name for name, content in files.items() if b"PRIVATE KEY" in content]


def leaf_key(der: bytes) -> object:
    return x509.load_der_x509_certificate(der).public_key().public_numbers()  # type: ignore[union-attr]  # P-256


def test_keys_are_locked_by_a_pass_phrase_once_for_all(vendor_user: User, made: Batch) -> None:
    values = {"keys": "1", "pass_phrase": "correct horse battery"}
    files = unpacked(signed_in(vendor_user).post(reverse("certificates:batch_archive", args=[made.pk]), values))
    said = pyrage.passphrase.decrypt(files["identity.age"], "correct horse battery").decode()
    identity = pyrage.x25519.Identity.from_str(said.strip())
    assert b"PRIVATE KEY" in pyrage.decrypt(files[f"{EUIS[0]}/cups.key.age"], [identity])


@pytest.mark.parametrize("values", [{}, {"pass_phrase": "short"}, {"recipient": "age1nonsense"}])
def test_keys_never_leave_unlocked(vendor_user: User, made: Batch, values: dict[str, str]) -> None:
    answer = signed_in(vendor_user).post(reverse("certificates:batch_archive", args=[made.pk]), {"keys": "1", **values})
    assert not answer.streaming
    assert not Record.objects.filter(action="batch.keys-downloaded").exists()


def test_confirmed_keys_are_destroyed_and_no_longer_in_the_archive(vendor_user: User, made: Batch) -> None:
    client = signed_in(vendor_user)
    values = {"keys": "1", "recipient": str(pyrage.x25519.Identity.generate().to_public())}
    assert len(keys_in(client, made, values)) == len(EUIS)
    client.post(reverse("certificates:batch_receipt", args=[made.pk]))
    assert not [each for each in Certificate.objects.select_related("key") if each.has_sealed_key]
    assert not keys_in(client, made, values)


def test_only_keys_that_were_in_the_archive_are_destroyed(vendor_user: User, made: Batch) -> None:
    """What a resumed chunk made after the download was never in anybody's hands."""
    client = signed_in(vendor_user)
    answer = client.post(reverse("certificates:batch_receipt", args=[made.pk]))
    assert "Nobody has taken the archive" in answer.content.decode()
    keys_in(client, made, {"keys": "1", "recipient": str(pyrage.x25519.Identity.generate().to_public())})
    late = Certificate.objects.order_by("pk")[0]
    Certificate.objects.filter(pk=late.pk).update(created_at=clock.now() + timedelta(minutes=1))
    client.post(reverse("certificates:batch_receipt", args=[made.pk]))
    sealed = [each for each in Certificate.objects.select_related("key") if each.has_sealed_key]
    assert sealed == [late]


def keys_in(client: Client, batch: Batch, values: dict[str, str]) -> list[str]:
    files = unpacked(client.post(reverse("certificates:batch_archive", args=[batch.pk]), values))
    return [name for name in files if name.endswith(".key.age")]


def test_another_vendor_gets_nothing(other_vendor_user: User, made: Batch) -> None:
    client = signed_in(other_vendor_user)
    for name in ("batch_archive", "batch_receipt", "cancel_batch"):
        assert client.post(reverse(f"certificates:{name}", args=[made.pk])).status_code == 404


# ------------------------------------------------------------------------------------------------------- the page


def test_the_page_of_a_batch_asks_the_same_few_questions_whatever_its_size(
    operator: User, vendor: Vendor, made: Batch, django_assert_max_num_queries: Callable[..., object]
) -> None:
    client = signed_in(operator)
    url = reverse("certificates:batch", args=[made.pk])
    client.get(url)
    with django_assert_max_num_queries(24):  # type: ignore[attr-defined]  # a context manager
        client.get(url)


def test_refused_lines_come_as_a_file(vendor_user: User, vendor: Vendor, fleet: list[Gateway]) -> None:
    batch = create_batch(
        vendor_user, vendor, [Entry("=cmd|calc"), Entry(EUIS[0])], Wish("a list", 365, "P-256"), idempotency_key="r"
    )
    for pk in work_left(batch):
        work_on_chunk(pk)
    answer = signed_in(vendor_user).get(reverse("certificates:batch_refused", args=[batch.pk]))
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]  # what Django streams
    assert "1,'=cmd|calc," in text
    assert EUIS[0] not in text
