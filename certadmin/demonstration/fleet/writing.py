"""Writes a chunk of a fleet in two transactions, as the services do it one by one: first the gateways and what our keys
will sign; when that is committed, the vault signs; then the certificates. What was done stands in the record once for
each chunk, not once for each certificate."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from accounts.models import Deployment
from audit.services import Machine, record
from cas import bulk as register
from cas.bulk import Reservation, Signed
from cas.models import Signing
from certadmin.demonstration.fleet.making import ALGORITHM, Leaf, make_leaf, sha256
from certadmin.demonstration.fleet.plan import PlannedGateway, plan
from certadmin.demonstration.fleet.world import World
from certificates import bulk as certificates
from certificates.bulk import CertificateRow, GatewayRow, KeyHolderRow, RequestRow
from certificates.models import Certificate, Request
from certificates.services.content import hash_content
from certificates.services.requests import BY_ITSELF
from core import bulk
from gateways.models import Gateway
from pki.profiles import GATEWAY_CLIENT

GROWN = "fleet.grown"
BY_HAND = Machine("command", "seed_demo")
KEY_TYPE = "P-256"


@dataclass(frozen=True, slots=True)
class Written:
    """How many rows a chunk has; `issued` of the certificates were signed here."""

    gateways: int
    certificates: int
    issued: int


def write_chunk(world: World, first: int, count: int) -> Written:
    """Make and write the gateways from number `first` on, with everything that belongs to them."""
    gateways = list(plan(world, first, count))
    leaves = [make_leaf(place, each, leaf) for place, each in enumerate(gateways) for leaf in each.leaves]
    ours = [leaf for leaf in leaves if leaf.csr]
    with transaction.atomic(durable=True):
        ids = bulk.take_ids(Gateway, count)
        certificates.insert_gateways(map(_gateway_row, ids, gateways))
        certificates.insert_tags(_tags(ids, gateways))
        reservations = list(map(_reservation, bulk.take_ids(Signing, len(ours)), ours))
        register.reserve_many(reservations)
    ders = register.sign_many(reservations)
    with transaction.atomic(durable=True):
        register.keep_many(list(map(_signed, reservations, ours, ders)))
        requests = _write_requests(ours, reservations, ids)
        signed = {leaf.serial: der for leaf, der in zip(ours, ders, strict=True)}
        _write_certificates(leaves, ids, requests, signed)
        written = Written(count, len(leaves), len(ours))
        _tell(written)
    return written


def _write_requests(
    ours: Sequence[Leaf], reservations: Sequence[Reservation], gateways: Sequence[int]
) -> dict[str, int]:
    """Return the ids of the requests by the serial numbers of what came of them."""
    pks = bulk.take_ids(Request, len(ours))
    numbers = [gateways[leaf.place] for leaf in ours]
    certificates.insert_requests(map(_request_row, pks, ours, numbers, reservations))
    return {leaf.serial: pk for leaf, pk in zip(ours, pks, strict=True)}


def _write_certificates(
    leaves: Sequence[Leaf], gateways: Sequence[int], requests: Mapping[str, int], ders: Mapping[str, bytes]
) -> None:
    """`requests` and `ders` tell by serial number what was issued here."""
    pks, numbers = bulk.take_ids(Certificate, len(leaves)), [gateways[leaf.place] for leaf in leaves]
    asked = [requests.get(leaf.serial) for leaf in leaves]
    given = [ders.get(leaf.serial, leaf.der) for leaf in leaves]
    rows = list(map(_certificate_row, pks, leaves, numbers, asked, given))
    certificates.insert_certificates(rows)
    certificates.insert_key_holders(KeyHolderRow(row.spki_sha256, row.gateway_id) for row in rows)


def _tell(written: Written) -> None:
    deployment = Deployment.objects.get()
    counts = {"gateways": written.gateways, "certificates": written.certificates, "issued": written.issued}
    record(BY_HAND, GROWN, subject=deployment, **counts)


def _gateway_row(pk: int, planned: PlannedGateway) -> GatewayRow:
    current = planned.current
    return GatewayRow(
        pk,
        planned.eui,
        planned.maker.vendor_id,
        planned.name,
        planned.model,
        planned.maker.person_id,
        planned.registered_at,
        current.signer.authority_id if current else None,
        current.accepted_until if current else None,
        GATEWAY_CLIENT.name if current and current.signer.key_id else "",
        planned.first_seen_at,
        planned.last_seen_at,
        planned.sightings,
    )


def _tags(pks: Sequence[int], gateways: Sequence[PlannedGateway]) -> Iterator[tuple[int, int]]:
    for pk, planned in zip(pks, gateways, strict=True):
        yield from ((pk, planned.maker.tags[name]) for name in planned.tags)


def _reservation(pk: int, leaf: Leaf) -> Reservation:
    signer = leaf.planned.signer
    if signer.key_id is None:
        raise ValueError("only what is signed here is reserved")
    return Reservation(
        id=pk,
        key_id=signer.key_id,
        issuer_id=signer.authority_id,
        serial=leaf.serial,
        subject=leaf.gateway.eui,
        profile=GATEWAY_CLIENT.name,
        profile_version=GATEWAY_CLIENT.version,
        tbs=leaf.tbs,
        tbs_sha256=sha256(leaf.tbs),
        signature_algorithm=ALGORITHM,
        not_after=leaf.planned.not_after,
        requester=leaf.gateway.maker.person,
        reserved_at=leaf.planned.created_at,
    )


def _signed(reservation: Reservation, leaf: Leaf, der: bytes) -> Signed:
    planned = leaf.planned
    return Signed(reservation.id, der, planned.created_at, planned.revoked_at, planned.reason)


def _request_row(pk: int, leaf: Leaf, gateway_id: int, reservation: Reservation) -> RequestRow:
    """Approved by the vendor's policy the moment it came, and issued at the first try."""
    planned, maker = leaf.planned, leaf.gateway.maker
    return RequestRow(
        id=pk,
        gateway_id=gateway_id,
        vendor_id=maker.vendor_id,
        authority_id=planned.signer.authority_id,
        idempotency_key=f"{gateway_id}:fleet {leaf.serial}",
        profile=GATEWAY_CLIENT.name,
        profile_version=GATEWAY_CLIENT.version,
        lifetime_days=planned.days,
        public_key=leaf.spki,
        key_type=KEY_TYPE,
        csr=leaf.csr,
        content_sha256=_content_sha256(leaf),
        state=Request.State.ISSUED.value,
        requested_by_id=maker.person_id,
        requested_at=planned.created_at,
        decided_at=planned.created_at,
        decision_reason=BY_ITSELF,
        serial=leaf.serial,
        not_before=planned.not_before,
        not_after=planned.not_after,
        signing_id=reservation.id,
        attempts=1,
    )


def _content_sha256(leaf: Leaf) -> str:
    return hash_content(
        eui=leaf.gateway.eui,
        vendor=leaf.gateway.maker.vendor_id,
        authority=leaf.planned.signer.sha256,
        profile=[GATEWAY_CLIENT.name, GATEWAY_CLIENT.version],
        lifetime_days=leaf.planned.days,
        public_key=sha256(leaf.spki),
        csr=sha256(leaf.csr),
    )


def _certificate_row(pk: int, leaf: Leaf, gateway_id: int, request_id: int | None, der: bytes) -> CertificateRow:
    planned, maker = leaf.planned, leaf.gateway.maker
    origin = Certificate.Origin.RECORDED if request_id is None else Certificate.Origin.ISSUED
    return CertificateRow(
        id=pk,
        request_id=request_id,
        gateway_id=gateway_id,
        vendor_id=maker.vendor_id,
        authority_id=planned.signer.authority_id,
        origin=origin.value,
        sha256=sha256(der),
        der=der,
        serial=leaf.serial,
        not_before=planned.not_before,
        not_after=planned.not_after,
        key_type=KEY_TYPE,
        spki_sha256=sha256(leaf.spki),
        created_at=planned.created_at,
        revoked_at=planned.revoked_at,
        revocation_reason=planned.reason,
        revoked_by_id=maker.person_id if planned.revoked_at else None,
    )
