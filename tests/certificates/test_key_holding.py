"""One public key, one gateway: whether a certificate is there, asked for, or recorded."""

import importlib

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from accounts.models import User, Vendor
from cas.models import Authority
from certificates.models import Certificate, KeyHolder, Request
from certificates.services import (
    approve_request,
    issue,
    record_leaf,
    refuse_request,
    request_certificate,
    retry_request,
    set_policy,
)
from certificates.services.key_holding import hold_key
from core import clock
from core.errors import Refused
from gateways.models import Gateway
from gateways.services import register
from pki.facts import read_certificate
from tests.pki import makers
from tests.pki.makers import Made, make_issuing, make_leaf, make_root

CLONED = makers.p256_key("cloned")
PUBLIC = makers.public_der(CLONED)


@pytest.fixture
def second(operator: User, vendor: Vendor) -> Gateway:
    return register(operator, vendor, "58A0CBFFFE8011D5")


@pytest.fixture
def foreign(operator: User, other_vendor: Vendor, issuing: Authority) -> Gateway:
    set_policy(other_vendor, actor=operator, authority=issuing, automatic=False)
    return register(operator, other_vendor, "AC1F09FFFE000001")


@pytest.fixture
def ca(vendor: Vendor) -> Made:
    """The vendor's own, handed in, in its time."""
    made = make_issuing(make_root("Kestrel Root"), "Kestrel Gateway CA")
    Authority.from_facts(read_certificate(made.der), origin="uploaded", vendor=vendor, state="approved").save()
    return made


def ask(actor: User, gateway: Gateway, key: str = "k") -> Request:
    csr = makers.make_csr(gateway.eui, key=CLONED)
    return request_certificate(actor, gateway, lifetime_days=90, idempotency_key=key, csr=csr)


def refused(gateway: Gateway, actor: User, *, field: str = "csr") -> bool:
    with pytest.raises(Refused) as refusal:
        ask(actor, gateway, "refused")
    return (refusal.value.code, refusal.value.field) == ("key-in-use", field)


@pytest.fixture
def asked(policy: None, vendor_user: User, gateway: Gateway) -> Request:
    return ask(vendor_user, gateway)


@pytest.mark.parametrize("state", ["requested", "approved", "reserved", "may-exist", "issued"])
def test_a_key_that_another_gateway_asked_for_is_refused(
    state: str, asked: Request, second: Gateway, foreign: Gateway, operator: User
) -> None:
    """Fails when `KeyHolderQuerySet.in_use` looks at certificates only."""
    Request.objects.filter(pk=asked.pk).update(state=state)
    assert refused(second, operator)
    assert refused(foreign, operator)
    assert Request.objects.count() == 1


def test_the_same_gateway_keeps_its_key(asked: Request, operator: User, vendor_user: User) -> None:
    approve_request(asked, actor=operator, expected_sha256=asked.content_sha256)
    assert issue(asked.pk)
    assert ask(vendor_user, asked.gateway, "renewal").pk
    assert KeyHolder.objects.get().gateway == asked.gateway


def test_a_key_that_was_asked_for_in_vain_is_free_again(
    asked: Request, second: Gateway, operator: User, vendor_user: User
) -> None:
    """A mistyped EUI: fails without the last line of `hold_key`, or when refused requests count as use."""
    refuse_request(asked, actor=operator, reason="That is not this gateway")
    assert ask(vendor_user, second).pk
    assert KeyHolder.objects.get().gateway == second
    assert refused(asked.gateway, vendor_user)


def test_a_failed_request_is_not_taken_up_with_a_key_that_went_to_another(
    asked: Request, second: Gateway, operator: User, vendor_user: User
) -> None:
    """Fails without `hold_key` in `retry_request`."""
    Request.objects.filter(pk=asked.pk).update(state="failed")
    ask(vendor_user, second)
    with pytest.raises(Refused) as refusal:
        retry_request(asked, actor=operator)
    assert refusal.value.code == "key-in-use"
    asked.refresh_from_db()
    assert asked.state == "failed"


def test_a_leaf_with_the_key_of_another_gateway_is_not_recorded(
    asked: Request, second: Gateway, ca: Made, vendor_user: User
) -> None:
    """Fails without `hold_key` in `certificates.services.recording._save`."""
    leaf = make_leaf(ca, second.eui, key=CLONED)
    with clock.at(makers.NOW), pytest.raises(Refused) as refusal:
        record_leaf(vendor_user, second, leaf.der)
    assert (refusal.value.code, refusal.value.field) == ("key-in-use", "leaf")
    assert not Certificate.objects.exists()


def test_a_key_of_a_recorded_leaf_is_refused_to_another_gateway(
    policy: None, gateway: Gateway, second: Gateway, ca: Made, vendor_user: User
) -> None:
    with clock.at(makers.NOW):
        record_leaf(vendor_user, gateway, make_leaf(ca, gateway.eui, key=CLONED).der)
    assert refused(second, vendor_user)


def test_the_database_itself_lets_no_second_gateway_have_the_key(asked: Request, second: Gateway) -> None:
    """Fails without `primary_key=True` on `certificates.models.KeyHolder.spki_sha256`, and in its migration."""
    held = KeyHolder.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        KeyHolder.objects.create(spki_sha256=held.spki_sha256, gateway=second)


def test_a_key_takes_the_same_queries_however_many_there_are(
    gateway: Gateway, operator: User, vendor: Vendor, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    hold_key(gateway, b"first")
    with CaptureQueriesContext(connection) as few:
        hold_key(gateway, b"first")
    for number in range(20):
        hold_key(register(operator, vendor, f"58A0CBFFFE9{number:05X}"), b"key %d" % number)
    with django_assert_num_queries(len(few)):
        hold_key(gateway, b"first")
    assert len(few) <= 5


def test_the_migration_gives_each_key_to_whoever_was_first(
    asked: Request, second: Gateway, certificate: Certificate
) -> None:
    """Certificates before requests; what was refused holds nothing."""
    KeyHolder.objects.all().delete()
    importlib.import_module("certificates.migrations.0003_fill_key_holders").fill(apps, None)
    holders = dict(KeyHolder.objects.values_list("spki_sha256", "gateway"))
    assert holders[certificate.spki_sha256] == certificate.gateway_id
    assert len(holders) == 2
    Request.objects.filter(pk=asked.pk).update(state="refused")
    KeyHolder.objects.all().delete()
    importlib.import_module("certificates.migrations.0003_fill_key_holders").fill(apps, None)
    assert set(KeyHolder.objects.values_list("spki_sha256", flat=True)) == {certificate.spki_sha256}
