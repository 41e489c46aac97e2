"""Fleets by the command: a small one on SQLite, and on PostgreSQL one that takes both processes, read back by SQL."""

import hashlib
import json
import random
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from ssl import DER_cert_to_PEM_cert
from typing import Any

import psycopg
import pytest
from cryptography import x509
from django.db.models import F

from accounts.models import Deployment, User, Vendor
from audit.services import record
from certadmin.demonstration.fleet import loading
from certadmin.demonstration.fleet.cast import BEGIN, MEMBERS
from certadmin.demonstration.fleet.loading import BEGUN, CHUNK, load_fleet
from certadmin.demonstration.fleet.plan import PlannedGateway, plan
from certadmin.demonstration.fleet.world import DAY, MOST, Maker, Signer, World, eui
from certadmin.demonstration.fleet.writing import BY_HAND
from certificates.models import Request
from certificates.services.content import content_sha256
from certificates.services.current import refresh_current
from core import clock
from core.errors import Refused
from gateways.models import Gateway
from pki.csr import inspect_csr
from pki.eui import is_canonical
from pki.facts import read_certificate
from tests import servers
from tests.servers import Product

SMALL, LARGE = 400, 2 * CHUNK + 2_000
SAMPLE = 150
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@dataclass
class Fleet:
    """A desk with a fleet: its database as raw SQL sees it, and what the command said."""

    product: Product
    gateways: int
    url: str
    said: dict[str, Any]
    indexes: list[tuple[Any, ...]]  # as they were before

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        if self.url:
            with psycopg.connect(self.url) as database:
                return database.execute(sql.encode()).fetchall()
        with closing(sqlite3.connect(self.product.folder / "certadmin.sqlite3")) as database:
            return database.execute(sql).fetchall()

    def count(self, sql: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM {sql}")[0][0])

    def sample(self, sql: str) -> list[tuple[Any, ...]]:
        """Some of the rows, the first and the last among them."""
        rows = self.rows(sql)
        return [rows[0], *random.Random(1).sample(rows, min(SAMPLE, len(rows))), rows[-1]]


@pytest.fixture(scope="module", params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.slow)])
def fleet(request: pytest.FixtureRequest) -> Iterator[Fleet]:
    with ExitStack() as stack:
        url = "" if request.param == "SQLite" else stack.enter_context(servers.postgres()).create("fleet")
        extra = {"CERTADMIN_DATABASE_URL": url} if url else {}
        product = stack.enter_context(servers.product(extra))
        product.manage("prepare")
        fleet = Fleet(product, LARGE if url else SMALL, url, {}, [])
        fleet.indexes = indexes(fleet)
        fleet.said = json.loads(product.manage("seed_demo", "--json", "--gateways", str(fleet.gateways)).stdout)
        yield fleet


def indexes(fleet: Fleet) -> list[tuple[Any, ...]]:
    of_sqlite, of_postgresql = "name FROM sqlite_master WHERE type = 'index'", "indexdef FROM pg_indexes"
    return sorted(fleet.rows(f"SELECT {of_postgresql if fleet.url else of_sqlite}"))


def instant(value: str | datetime) -> datetime:
    return (datetime.fromisoformat(value) if isinstance(value, str) else value).replace(tzinfo=UTC)


def test_two_gateways_have_three_certificates(fleet: Fleet) -> None:
    assert fleet.count("gateways_gateway") == fleet.said["gateways"] == fleet.gateways
    assert fleet.count("certificates_certificate") == fleet.said["certificates"] == fleet.gateways * 3 // 2


def test_what_was_issued_here_has_a_request_and_every_key_a_holder(fleet: Fleet) -> None:
    issued = fleet.count("certificates_certificate WHERE origin = 'issued' AND request_id IS NOT NULL")
    assert issued == fleet.said["issued"] == fleet.count("certificates_request WHERE state = 'issued'")
    assert fleet.gateways * 0.8 < issued < fleet.gateways * 1.3
    holders = (
        "certificates_certificate c JOIN certificates_keyholder h "
        "ON h.spki_sha256 = c.spki_sha256 AND h.gateway_id = c.gateway_id"
    )
    assert fleet.count(holders) == fleet.count("certificates_certificate") == fleet.count("certificates_keyholder")


def test_openssl_verifies_a_sample(fleet: Fleet, tmp_path: Path) -> None:
    for der, authority, begin in fleet.sample(
        "SELECT c.der, a.der, c.not_before FROM certificates_certificate c "
        "JOIN cas_authority a ON a.id = c.authority_id ORDER BY c.id"
    ):
        at = str(int((instant(begin) + timedelta(hours=1)).timestamp()))
        (tmp_path / "leaf").write_text(DER_cert_to_PEM_cert(bytes(der)))
        (tmp_path / "ca").write_text(DER_cert_to_PEM_cert(bytes(authority)))
        options = ["-x509_strict", "-purpose", "sslclient", "-partial_chain", "-attime", at]
        command = ["openssl", "verify", *options, "-trusted", str(tmp_path / "ca"), str(tmp_path / "leaf")]
        subprocess.run(command, check=True, capture_output=True)


def test_the_columns_say_what_the_certificates_say(fleet: Fleet) -> None:
    columns = "c.sha256, c.serial, c.not_before, c.not_after, c.key_type, c.spki_sha256, g.eui, a.subject"
    for der, *row in fleet.sample(
        f"SELECT c.der, {columns} FROM certificates_certificate c JOIN gateways_gateway g ON g.id = c.gateway_id "
        "JOIN cas_authority a ON a.id = c.authority_id ORDER BY c.id"
    ):
        facts = read_certificate(bytes(der))
        row[2:4] = map(instant, row[2:4])
        named = [*facts.common_names, facts.issuer]
        dates = [facts.not_before, facts.not_after]
        assert row == [facts.sha256, facts.serial, *dates, facts.key_type, facts.spki_sha256, *named]


def test_each_certificate_from_here_stands_in_the_register(fleet: Fleet) -> None:
    joined = (
        "certificates_certificate c JOIN certificates_request r ON r.id = c.request_id "
        "JOIN cas_signing s ON s.id = r.signing_id JOIN cas_authority a ON a.id = c.authority_id"
    )
    same = (
        "s.state = 'signed' AND s.serial = c.serial AND s.serial = r.serial AND s.der = c.der AND s.key_id = a.key_id "
        "AND s.not_after = c.not_after AND s.not_after = r.not_after AND s.issuer_id = c.authority_id "
        "AND s.revocation_reason = c.revocation_reason AND (s.revoked_at IS NULL) = (c.revoked_at IS NULL)"
    )
    assert fleet.count(f"{joined} WHERE {same}") == fleet.said["issued"]
    for der, tbs, tbs_sha256, subject in fleet.sample(
        "SELECT der, tbs, tbs_sha256, subject FROM cas_signing WHERE profile = 'gateway-client' ORDER BY id"
    ):
        certificate = x509.load_der_x509_certificate(bytes(der))
        assert certificate.tbs_certificate_bytes == bytes(tbs)
        assert read_certificate(bytes(der)).common_names == (subject,)
        assert hashlib.sha256(bytes(tbs)).hexdigest() == tbs_sha256


def test_each_key_counts_its_signatures(fleet: Fleet) -> None:
    counted = fleet.rows("SELECT id, signatures FROM keys_key WHERE purpose = 'authority' ORDER BY id")
    recorded = fleet.rows("SELECT key_id, count(*) FROM cas_signing WHERE state = 'signed' GROUP BY key_id ORDER BY 1")
    assert counted == recorded
    assert len(recorded) == 4  # the root, and three issuing authorities


def test_each_request_has_a_csr_that_would_be_taken(fleet: Fleet) -> None:
    for csr, public_key, key_type, gateway in fleet.sample(
        "SELECT r.csr, r.public_key, r.key_type, g.eui FROM certificates_request r "
        "JOIN gateways_gateway g ON g.id = r.gateway_id ORDER BY r.id"
    ):
        seen = inspect_csr(bytes(csr), eui=gateway)
        assert seen.accepted, seen.findings
        assert (seen.public_key_der, seen.key_type, seen.csr_der) == (bytes(public_key), key_type, bytes(csr))


def test_no_index_is_lost(fleet: Fleet) -> None:
    """Fails without the `finally` of `core.bulk.indexes_built_last`."""
    assert indexes(fleet) == fleet.indexes


def test_every_eui_lies_in_its_vendors_range(fleet: Fleet) -> None:
    prefixes = {member.company.name: member.company.prefix for member in MEMBERS}
    pairs = fleet.rows("SELECT v.name, g.eui FROM gateways_gateway g JOIN accounts_vendor v ON v.id = g.vendor_id")
    assert all(each.startswith(prefixes[name]) and is_canonical(each) for name, each in pairs)
    assert {name for name, _ in pairs} == set(prefixes)


@pytest.mark.parametrize(
    ("state", "condition", "least", "most"),
    [
        ("without a certificate", "gateways_gateway WHERE current_not_after IS NULL", 0.03, 0.12),
        ("off the air", "gateways_gateway WHERE current_not_after < {now}", 0.03, 0.3),
        ("ending in 90 days", "gateways_gateway WHERE current_not_after BETWEEN {now} AND {later}", 0.1, 0.5),
        ("good for longer", "gateways_gateway WHERE current_not_after > {later}", 0.3, 0.8),
        ("expired", "certificates_certificate WHERE not_after < {now}", 0.3, 0.9),
        ("revoked", "certificates_certificate WHERE revoked_at IS NOT NULL", 0.002, 0.05),
        ("superseded", "certificates_certificate a WHERE a.not_after > {now} AND {superseded}", 0.005, 0.3),
        ("recorded", "certificates_certificate WHERE origin = 'recorded'", 0.2, 0.8),
    ],
)
def test_a_part_of_it_is(fleet: Fleet, state: str, condition: str, least: float, most: float) -> None:
    now = datetime.now(UTC)
    superseded = (
        "EXISTS (SELECT 1 FROM certificates_certificate b WHERE b.gateway_id = a.gateway_id "
        "AND b.not_after > a.not_after AND b.revoked_at IS NULL)"
    )
    later = f"'{now + 90 * DAY:%Y-%m-%d %H:%M}'"
    found = fleet.count(condition.format(now=f"'{now:%Y-%m-%d %H:%M}'", later=later, superseded=superseded))
    assert least < found / fleet.gateways < most, state


def test_nothing_is_of_the_future(fleet: Fleet) -> None:
    now = f"'{datetime.now(UTC):%Y-%m-%d %H:%M:%S}'"
    for what in ("gateways_gateway WHERE registered_at", "certificates_certificate WHERE created_at"):
        assert fleet.count(f"{what} > {now}") == 0
    assert fleet.count(f"certificates_certificate WHERE revoked_at > {now} OR revoked_at < created_at") == 0


def test_the_record_sums_it_up_and_verifies(fleet: Fleet) -> None:
    grown = fleet.rows("SELECT details FROM audit_record WHERE action = 'fleet.grown'")
    chunks = [each if isinstance(each, dict) else json.loads(each) for (each,) in grown]
    for name in ("gateways", "certificates", "issued"):
        assert sum(chunk[name] for chunk in chunks) == fleet.said[name]
    fleet.product.manage("verify_audit")


def test_a_second_run_changes_nothing_and_says_what_to_do(fleet: Fleet) -> None:
    answer = fleet.product.manage("seed_demo", "--gateways", "10", check=False)
    assert answer.returncode == 1
    assert "nothing was changed" in answer.stderr
    assert "CERTADMIN_DATABASE_URL" in answer.stderr
    assert fleet.count("gateways_gateway") == fleet.gateways


@pytest.mark.django_db
def test_it_says_how_far_it_is_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "TOLD_EVERY", 100)
    monkeypatch.setattr(loading, "CHUNK", 50)
    lines: list[str] = []
    load_fleet(250, say=lines.append)
    assert [line.split()[:2] for line in lines] == [["100", "gateways"], ["200", "gateways"]]
    assert all("certificates" in line for line in lines)


@pytest.mark.django_db
def test_its_rows_are_what_the_services_would_have_written() -> None:
    """The hash that an approval is bound to, and what a gateway works by when its last certificate came or went."""
    load_fleet(100, say=print)
    for request in Request.objects.select_related("gateway", "authority"):
        assert content_sha256(request) == request.content_sha256
        assert Request.objects.undecided_or_made().filter(pk=request.pk, requested_at=F("decided_at")).exists()
    for gateway in Gateway.objects.prefetch_related("certificates"):
        touched = [each.revoked_at or each.created_at for each in gateway.certificates.all()]
        with clock.at(max(touched, default=clock.now())):
            refresh_current(gateway.pk)
        again = Gateway.objects.get(pk=gateway.pk)
        assert again.current_authority_id == gateway.current_authority_id
        assert again.current_not_after == gateway.current_not_after


@pytest.mark.django_db
def test_a_desk_in_use_is_left_alone(vendor: Vendor) -> None:
    with pytest.raises(Refused, match=r"empty trial desk.*CERTADMIN_DATA"):
        load_fleet(10, say=print)
    assert not Gateway.objects.exists()


@pytest.mark.django_db
def test_an_unfinished_fleet_says_how_to_begin_again(deployment: Deployment) -> None:
    record(BY_HAND, BEGUN, subject=deployment, gateways=10, seed=1)
    with pytest.raises(Refused, match=r"not finished.*CERTADMIN_DATA"):
        load_fleet(10, say=print)


@pytest.mark.django_db
def test_a_desk_of_somebody_whom_the_fleet_brings_along_is_told_so(operator: User) -> None:
    with pytest.raises(Refused, match="is here already"):
        load_fleet(10, say=print)


@pytest.mark.django_db
@pytest.mark.parametrize("gateways", [0, -1, MOST + 1])
def test_a_fleet_has_a_size(gateways: int) -> None:
    with pytest.raises(Refused, match="between 1 and"):
        load_fleet(gateways, say=print)


@pytest.fixture
def world() -> World:
    """One vendor with an authority of its own, and one authority of ours."""
    since, until = NOW + BEGIN * DAY, NOW + 3000 * DAY
    own = Signer(1, "", b"", since, until)
    maker = Maker(1, 1, "Liv", "020C10FFFE", weight=1.0, issued=0.0, own=(own,), tags={})
    return World(1, NOW, (maker,), (replace(own, authority_id=2),))


def test_a_seed_gives_the_same_fleet_and_another_one_another(world: World) -> None:
    assert list(plan(world, 0, 50)) == list(plan(world, 0, 50))
    other = list(plan(replace(world, seed=2), 0, 50))
    assert [each.registered_at for each in plan(world, 0, 50)] != [each.registered_at for each in other]


@pytest.mark.parametrize("count", [1, 19, 20, 21, 999])
def test_any_size_is_planned(world: World, count: int) -> None:
    planned = list(plan(world, 0, count))
    assert len(planned) == count
    assert abs(sum(len(each.leaves) for each in planned) - count * 1.5) <= 20


def test_certificates_follow_each_other(world: World) -> None:
    def in_order(gateway: PlannedGateway) -> bool:
        starts = [leaf.start for leaf in gateway.leaves]
        return starts == sorted(starts) and all(gateway.registered_at <= leaf.created_at for leaf in gateway.leaves)

    assert all(map(in_order, plan(world, 0, 400)))


def test_no_two_numbers_have_the_same_eui() -> None:
    numbers = [*range(20_000), *range(MOST - 20_000, MOST)]
    assert len({eui("020C10FFFE", number) for number in numbers}) == len(numbers)
