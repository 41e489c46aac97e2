"""The one field over everything."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User, Vendor
from certadmin.search import find
from certificates.models import Batch, Certificate
from gateways.models import Gateway, Tag
from gateways.services import register
from tests.alerts.rows import DAY, authority, certificate

pytestmark = pytest.mark.django_db


def test_a_nul_in_the_words_is_no_error(operator: User, vendor: Vendor, client_of: Callable[[User], Client]) -> None:
    """PostgreSQL takes none."""
    register(operator, vendor, "58A0CBFFFE8011D4", "Kvitfjell mast")
    assert "58A0CBFFFE8011D4" in client_of(operator).get("/search/", {"q": "kvit\0fjell"}).content.decode()


@pytest.fixture
def fleet(vendor: Vendor, other_vendor: Vendor) -> list[Gateway]:
    """One gateway of each vendor, of the same name, model and tag, with a certificate."""
    euis = {"58A0CBFFFE8011D4": vendor, "AC1F09FFFE8011D4": other_vendor}
    rows = [
        Gateway.objects.create(eui=eui, vendor=owner, name="Kvitfjell mast", model="outdoor")
        for eui, owner in euis.items()
    ]
    by = authority(vendor, left=4000 * DAY)
    for row, serial in zip(rows, ("1f2e3d4c5b6a", "1f2e3d4c5b6b"), strict=True):
        row.tags.add(Tag.objects.create(vendor=row.vendor, name=f"roof of {row.vendor.name}"))
        certificate(row, by, left=300 * DAY, serial=serial)
    return rows


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("58A0CBFFFE8011D4", "Gateway"),
        ("58-a0-cb-ff-fe-80-11-d4", "Gateway"),
        ("eui-58a0cbfffe8011d4", "Gateway"),
        ("58a0:cbff:fe80:11d4", "Gateway"),
        ("cb ff fe 80", "Gateway"),
        ("8011d4", "Gateway"),
        ("tfjell", "Gateway"),
        ("kvi", "Gateway"),
        ("58A0CBFFFE80", "Gateway"),
        ("58:a0:cb:ff", "Gateway"),
        ("ROOF", "Tag"),
        ("outd", "Model"),
        ("1f:2e:3d:4c:5b:6a", "Certificate"),
        ("0x001F2E3D4C5B6A", "Certificate"),
        (str(0x1F2E3D4C5B6A), "Certificate"),
        ("kestrel r", "Vendor"),
    ],
)
def test_everything_is_found_in_any_notation(words: str, kind: str, fleet: list[Gateway], operator: User) -> None:
    assert kind in {hit.kind for hit in find(words, operator)}


@pytest.mark.parametrize("words", ["8011d4", "tfjell", "kvi", "roof", "AC1F09FFFE8011D4", "1f2e3d4c5b6b", "ampere"])
def test_a_vendor_finds_its_own_only(words: str, fleet: list[Gateway], vendor_user: User) -> None:
    found = " ".join(f"{hit.title} {hit.more}" for hit in find(words, vendor_user))
    for secret in ("AC1F09", "Ampere", "1f2e3d4c5b6b"):
        assert secret not in found


def test_an_authority_is_found_by_name_subject_and_fingerprint(vendor: Vendor, operator: User) -> None:
    made = authority(vendor, left=400 * DAY, name="Harbour CA 3", subject="CN=Harbour CA 3,O=Kestrel")
    colons = ":".join(made.sha256[place : place + 2] for place in range(0, 24, 2))
    for words in ("harbour ca", "O=Kestrel", made.sha256[:10], colons):
        assert [hit.title for hit in find(words, operator) if hit.kind == "Authority"] == ["Harbour CA 3"]


def test_a_batch_is_found_by_its_number(vendor: Vendor, vendor_user: User, other_vendor_user: User) -> None:
    by = authority(vendor, left=400 * DAY, name="Harbour CA")
    made = Batch.objects.create(vendor=vendor, authority=by, idempotency_key="k", lifetime_days=365, profile_version=1)
    for words in (str(made.pk), f"#{made.pk}"):
        assert f"Batch {made.pk}" in [hit.title for hit in find(words, vendor_user)]
    assert "Batch" not in {hit.kind for hit in find(str(made.pk), other_vendor_user)}


def test_a_fingerprint_is_found_by_its_beginning(fleet: list[Gateway], operator: User) -> None:
    made = Certificate.objects.latest("pk")
    assert [hit.title for hit in find(made.sha256[:12], operator) if hit.kind == "Certificate"] == [made.serial]


def test_nothing_is_found_where_nothing_fits(fleet: list[Gateway], operator: User) -> None:
    for words in ("zz", "nothing like it", "%", "_", "\\", "FFFFFFFFFFFF", "9" * 90):
        assert find(words, operator) == []


def test_more_gateways_take_no_more_queries(fleet: list[Gateway], vendor: Vendor, operator: User) -> None:
    find("8011", operator)  # whether there is an index of parts is asked once
    with CaptureQueriesContext(connection) as few:
        find("8011", operator)
    Gateway.objects.bulk_create(Gateway(eui=f"58A0CB80110{number:05X}", vendor=vendor) for number in range(50))
    with CaptureQueriesContext(connection) as many:
        find("8011", operator)
    assert len(many) == len(few)
    assert len(many) <= 18
