"""What Prometheus reads: true, bounded, and only for who has the token."""

from datetime import timedelta

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from accounts.models import ApiToken, User, Vendor
from audit.services import beat
from core import clock
from gateways.models import EuiBlock, Gateway
from gateways.services import claim
from tests.pki import makers
from tests.world import World, make_world

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(client: Client, **headers: str) -> Samples:
    caches["process"].clear()
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"certadmin_{name}", frozenset(labels.items())]


@pytest.fixture
def world(
    transactional_db: None,
    operator: User,
    vendor: Vendor,
    vendor_user: User,
    other_vendor_user: User,
    tmp_path_factory: pytest.TempPathFactory,
    settings: Settings,
) -> World:
    folder = tmp_path_factory.mktemp("stores")
    settings.STORE_ROOTS = [folder]
    store = folder / "main"
    store.mkdir()
    der = makers.make_issuing(makers.make_root(), "Kestrel CA").der
    return make_world(operator, vendor, vendor_user, other_vendor_user, folder=store, authority_der=der)


def test_it_counts_what_is_there(world: World, client: Client) -> None:
    seen = scrape(client)
    assert value(seen, "gateways", state="valid") == 1
    assert value(seen, "gateways", state="none") == 1
    assert value(seen, "certificates", state="valid") == 1
    assert value(seen, "queue_depth", queue="requests_to_approve") == 1
    assert value(seen, "queue_depth", queue="claims") == 1
    assert value(seen, "queue_depth", queue="disputes") == 1
    assert value(seen, "release_newest", group="common") == 1
    assert value(seen, "release_stored", group="common", store="main") == 1
    assert value(seen, "store_drift", store="main") == 0
    assert value(seen, "issued_last_hour") == 1
    assert value(seen, "issuance_seconds", quantile="1.0") >= 0
    assert value(seen, "soonest_expiry_timestamp_seconds", kind="gateway") == pytest.approx(
        world.certificate.not_after.timestamp()
    )


def test_an_hour_later_what_was_issued_is_no_latency_any_more(world: World, client: Client) -> None:
    with clock.at(clock.now() + timedelta(hours=2)):
        assert value(scrape(client), "issued_last_hour") == 0


@pytest.mark.django_db
def test_each_job_says_how_long_ago_it_succeeded_and_how_often_it_should(client: Client, settings: Settings) -> None:
    for job in settings.CELERY_BEAT_SCHEDULE:
        beat(job)
    with clock.at(clock.now() + timedelta(minutes=10)):
        seen = scrape(client)
    for job in settings.CELERY_BEAT_SCHEDULE:
        assert value(seen, "job_last_success_age_seconds", job=job) == pytest.approx(600, abs=30)
        assert value(seen, "job_period_seconds", job=job) > 0


@pytest.mark.django_db
def test_its_length_does_not_grow_with_the_fleet(vendor: Vendor, vendor_user: User, client: Client) -> None:
    few = len(scrape(client))
    with CaptureQueriesContext(connection) as before:
        scrape(client)
    Gateway.objects.bulk_create(Gateway(eui=f"58A0CB{number:010X}", vendor=vendor) for number in range(300))
    for number in range(20):
        made = Vendor.objects.create(name=f"Vendor {number}")
        EuiBlock.objects.create(vendor=made, first=f"{number:02X}" + "0" * 14, last=f"{number:02X}" + "F" * 14, bits=8)
        claim(vendor_user, vendor, f"0016C0{number:010X}")
    with CaptureQueriesContext(connection) as after:
        assert len(scrape(client)) == few
    assert len(after) == len(before)


@pytest.mark.django_db
def test_a_second_scrape_costs_the_database_nothing(client: Client) -> None:
    scrape(client)
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/metrics").status_code == 200
    assert not [each for each in queries if "gateways_gateway" in each["sql"]]


@pytest.mark.django_db
@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "Basic c2VjcmV0", "bearer secret", "Bearer secret é"])
def test_with_a_token_nobody_reads_it_without(given: str, client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = "secret"
    answer = client.get("/metrics", headers={"authorization": given} if given else None)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert scrape(client, authorization="Bearer secret")


@pytest.mark.django_db
def test_in_production_it_is_not_there_without_a_token(client: Client, settings: Settings) -> None:
    settings.PRODUCTION = True
    assert client.get("/metrics").status_code == 404


@pytest.mark.django_db
def test_it_is_read_and_nothing_else(client: Client) -> None:
    assert client.post("/metrics").status_code == 405


def test_the_soonest_end_of_each_kind_that_is_watched(world: World, client: Client, operator: User) -> None:
    ends = clock.now() + timedelta(minutes=9)
    ApiToken.objects.create(owner=operator, name="feed", token_hash="f" * 64, ending="ffff", expires_at=ends)
    seen = scrape(client)
    assert value(seen, "soonest_expiry_timestamp_seconds", kind="token") == pytest.approx(ends.timestamp())
    kinds = {dict(labels)["kind"] for name, labels in seen if name.endswith("soonest_expiry_timestamp_seconds")}
    assert {"gateway", "token"} <= kinds
