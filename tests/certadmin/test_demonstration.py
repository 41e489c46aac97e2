"""The demonstration, loaded by the command into a product of its own and read back from the database file."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from django.conf import settings

from accounts.models import User, Vendor
from certadmin.demonstration.cast import KESTREL
from certadmin.demonstration.loading import load, long_leases
from certadmin.demonstration.story import BEGIN
from core import clock
from core.errors import Refused
from outbox.models import Message
from pki.bundle import read_index, read_strictly
from pki.preflight import preflight
from tests import servers
from tests.servers import Product

SUPERSEDED = (
    "revoked_at IS NULL AND not_after > datetime('now') AND EXISTS (SELECT 1 FROM certificates_certificate b "
    "WHERE b.gateway_id = a.gateway_id AND b.not_after > a.not_after AND b.revoked_at IS NULL)"
)


@dataclass
class Demonstration:
    """A loaded product: its database as raw SQL sees it, and what the command said."""

    product: Product
    said: dict[str, Any]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.product.folder / "certadmin.sqlite3") as database:
            return database.execute(sql).fetchall()

    def count(self, sql: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM {sql}")[0][0])


@pytest.fixture(scope="module")
def demonstration() -> Iterator[Demonstration]:
    with servers.product() as product:
        product.manage("prepare")
        yield _loaded(product)


def _loaded(product: Product) -> Demonstration:
    return Demonstration(product, json.loads(product.manage("seed_demo", "--json").stdout))


def test_it_has_three_vendors_and_200_gateways(demonstration: Demonstration) -> None:
    assert demonstration.count("accounts_vendor") == 3
    assert demonstration.count("gateways_gateway") == 200


@pytest.mark.parametrize(
    ("state", "condition"),
    [
        ("valid", "revoked_at IS NULL AND not_after > datetime('now', '+60 days')"),
        ("ending soon", "revoked_at IS NULL AND not_after BETWEEN datetime('now') AND datetime('now', '+60 days')"),
        ("expired", "revoked_at IS NULL AND not_after < datetime('now')"),
        ("revoked", "revoked_at IS NOT NULL"),
        ("issued here", "origin = 'issued'"),
        ("recorded", "origin = 'recorded'"),
        ("with a key to fetch", "key_until > datetime('now') AND key_confirmed_at IS NULL"),
        ("superseded", SUPERSEDED),
    ],
)
def test_it_has_certificates_in_every_state(demonstration: Demonstration, state: str, condition: str) -> None:
    assert demonstration.count(f"certificates_certificate a WHERE {condition}") > 0, state


@pytest.mark.parametrize("state", ["requested", "issued", "refused", "failed"])
def test_it_has_requests_in_every_state(demonstration: Demonstration, state: str) -> None:
    assert demonstration.count(f"certificates_request WHERE state = '{state}'") > 0


def test_each_vendor_stands_differently(demonstration: Demonstration) -> None:
    states = demonstration.rows(
        "SELECT v.name, a.name, a.state FROM cas_authority a JOIN accounts_vendor v ON v.id = a.vendor_id ORDER BY a.id"
    )
    assert ("Kestrel Radio", "Kestrel Gateway CA 2", "approved") in states
    assert ("Solveig Networks", "Solveig Root", "refused") in states
    assert ("Solveig Networks", "Solveig Gateway CA 1", "submitted") in states
    ends = demonstration.rows("SELECT not_after FROM cas_authority WHERE name = 'Ampere IoT Gateway CA 2'")
    left = datetime.fromisoformat(ends[0][0]).replace(tzinfo=UTC) - datetime.now(UTC)
    assert 20 <= left.days <= 21


def test_each_vendor_stands_differently_with_its_evidence(demonstration: Demonstration) -> None:
    named = "JOIN cas_authority a ON a.id = e.authority_id"
    proven = {name for (name,) in demonstration.rows(f"SELECT a.name FROM cas_proof e {named}")}
    assert proven == {"Kestrel Gateway CA 2", "Ampere IoT Gateway CA 2", "Ampere IoT Gateway CA 3"}
    accepted = demonstration.rows(f"SELECT a.name FROM cas_testleaf e {named} WHERE e.accepted ORDER BY e.id")
    assert accepted == [("Kestrel Gateway CA 2",), ("Ampere IoT Gateway CA 3",)]
    waived = demonstration.rows(f"SELECT a.name, e.what FROM cas_waiver e {named}")
    assert waived == [("Ampere IoT Gateway CA 2", "test-leaf")]
    codes = demonstration.rows(f"SELECT a.name FROM cas_proofcode e {named} WHERE e.used_at IS NULL")
    assert codes == [("Solveig Gateway CA 1",)]


def test_a_dispute_is_open_and_another_decided(demonstration: Demonstration) -> None:
    assert demonstration.count("gateways_dispute WHERE closed_at IS NULL") == 1
    assert demonstration.count("gateways_dispute WHERE closed_at IS NOT NULL") == 1


def test_the_store_serves_the_release_and_accepts_the_gateways(demonstration: Demonstration) -> None:
    store = demonstration.product.folder / "stores" / "main"
    names = read_index((store / "index.yml").read_bytes())["common"]
    bundle = [der for name in names for der in read_strictly((store / "common" / name).read_bytes())]
    assert len(bundle) == 3
    eui, der = demonstration.rows(
        "SELECT g.eui, c.der FROM certificates_certificate c JOIN gateways_gateway g ON g.id = c.gateway_id "
        "WHERE c.origin = 'issued' AND c.revoked_at IS NULL AND c.not_after > datetime('now') LIMIT 1"
    )[0]
    assert preflight(der, eui=eui, bundle=bundle, at=datetime.now(UTC)).accepted


def test_each_notice_was_told_once_to_each_recipient_and_every_mail_is_out(demonstration: Demonstration) -> None:
    assert demonstration.count("alerts_notice") > 100
    assert demonstration.count("outbox_message WHERE state <> 'sent'") == 0
    twice = "(SELECT 1 FROM alerts_delivery GROUP BY notice_id, recipient, why HAVING count(*) > 1)"
    assert demonstration.count(twice) == 0
    unknown = "state = 'told' AND message_key NOT IN (SELECT key FROM outbox_message)"
    assert demonstration.count(f"alerts_delivery WHERE {unknown}") == 0


def test_a_file_waits_to_be_agreed_to(demonstration: Demonstration) -> None:
    assert demonstration.rows("SELECT state, new, errors FROM gateways_import") == [("checked", 9, 2)]


def test_people_answered_alerts(demonstration: Demonstration) -> None:
    states = dict(demonstration.rows("SELECT state, count(*) FROM alerts_alert GROUP BY state"))
    assert set(states) == {"open", "acknowledged", "snoozed", "closed"}
    assert demonstration.count("alerts_alert WHERE muted_until > datetime('now')") == 2


def test_nothing_happened_in_the_future_and_the_record_is_in_order(demonstration: Demonstration) -> None:
    assert demonstration.count("audit_record WHERE at > datetime('now', '+5 seconds')") == 0
    instants = [
        at for (at,) in demonstration.rows("SELECT at FROM audit_record WHERE action <> 'store.connected' ORDER BY id")
    ]
    assert instants == sorted(instants)


def test_the_record_verifies(demonstration: Demonstration) -> None:
    demonstration.product.manage("verify_audit")


def test_everybody_can_sign_in_with_the_printed_password(demonstration: Demonstration) -> None:
    hashes = dict(demonstration.rows("SELECT email, password FROM accounts_user"))
    assert {person["role"] for person in demonstration.said["people"]} == {"operator", "vendor", "auditor"}
    for person in demonstration.said["people"]:
        stored = hashes[person["email"]].removeprefix("argon2")
        assert PasswordHasher().verify(stored, demonstration.said["password"])


def test_a_second_run_says_that_it_is_there_and_changes_nothing(demonstration: Demonstration) -> None:
    before = demonstration.count("audit_record")
    answer = demonstration.product.manage("seed_demo")
    assert "is there already" in answer.stdout
    assert demonstration.count("audit_record") == before


@pytest.mark.slow
def test_it_loads_beside_the_running_product() -> None:
    with servers.product({"CERTADMIN_SWEEP_SECONDS": "1"}) as product:
        product.start()
        loaded = _loaded(product)
        assert loaded.count("gateways_gateway") == 200
        assert loaded.count("certificates_certificate a WHERE origin = 'issued'") == 28
        assert loaded.count("certificates_request WHERE state IN ('approved', 'reserved', 'may-exist')") == 0
        late = "certificates_certificate WHERE created_at > datetime('now', '-1 day')"
        assert loaded.count(late) == 0


@pytest.mark.django_db
def test_what_is_in_hand_in_the_past_is_not_taken_over_now() -> None:
    """Fails without `settings.LEASE_SECONDS = …` in certadmin/demonstration/loading.long_leases."""
    message = Message.objects.create(key="k", message_id="m", recipient="a@b.example", subject="s", text="t")
    with long_leases(), clock.at(clock.now() - timedelta(days=-BEGIN)):
        assert Message.objects.claim(message.pk, seconds=settings.LEASE_SECONDS)
    assert not Message.objects.unheld().exists()


@pytest.mark.django_db
def test_a_desk_in_use_is_left_alone(operator: User, vendor: Vendor) -> None:
    Vendor.objects.filter(pk=vendor.pk).update(name="Somebody real")
    with pytest.raises(Refused, match="empty trial desk"):
        load()


@pytest.mark.django_db
def test_a_half_loaded_demonstration_says_how_to_begin_again(operator: User) -> None:
    Vendor.objects.create(name=KESTREL.name)
    with pytest.raises(Refused, match="not finished"):
        load()


@pytest.mark.django_db
def test_a_desk_of_somebody_whom_the_demonstration_brings_along_is_told_so(operator: User) -> None:
    """The operator of the tests has the address of one of its people."""
    assert operator.email == "ines@fjordnet.example"
    with pytest.raises(Refused, match="is here already"):
        load()
    assert User.objects.get() == operator
