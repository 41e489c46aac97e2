"""The certificates of a chunk: requested, recorded and committed together, then signed, then written (G1, G3, G4).

What a worker left behind after the first commit is finished by the next from what is recorded, and gives the same
certificates. A chunk that three workers did not finish is set aside; what of it is reserved goes on one by one.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from audit.services import SYSTEM, Act, record, record_many
from cas import bulk as register
from cas.bulk import Reservation, Signed
from cas.models import Signing
from cas.services.profiles import find_profile
from certificates import bulk as rows
from certificates.bulk import CertificateRow, KeyHolderRow, RequestRow
from certificates.models import MAX_ATTEMPTS, Batch, Certificate, Chunk, KeyHolder, Line, Request
from certificates.services.batch_checking import Seen, judge
from certificates.services.batches import settle
from certificates.services.content import hash_content
from certificates.services.current import refresh_after_issue
from certificates.services.policy import refuse_unusable
from core import bulk, clock
from core.errors import Refused
from core.leases import TakenOver
from keys import services as vault
from keys.errors import VaultClosed
from pki.errors import PkiError
from pki.issuing import new_serial, validity
from pki.shape import Shapes

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Wanted:
    """One certificate on its way: a line's gateway and key, and what is reserved for it."""

    request_id: int
    gateway_id: int
    eui: str
    key_type: str
    spki_sha256: str
    key_id: Any
    reservation: Reservation
    not_before: datetime


def issue_chunk(chunk_id: int) -> None:
    """Make the certificates of a chunk, or go on where that was interrupted. Runs outside of transactions."""
    owner = Chunk.objects.to_issue().claim(chunk_id, seconds=settings.LEASE_SECONDS)
    if owner is None:
        return
    chunk = Chunk.objects.select_related("batch__authority", "batch__requested_by").get(pk=chunk_id)
    if chunk.attempts > MAX_ATTEMPTS:
        _set_aside(chunk, owner, f"Set aside after {MAX_ATTEMPTS} tries that did not end.")
    else:
        _try(chunk, owner)
    settle(chunk.batch_id)


def _try(chunk: Chunk, owner: str) -> None:
    try:
        with Chunk.objects.forgiven(chunk.pk, owner):
            wanted = _resumed(chunk) if chunk.state == Chunk.State.RESERVED else _reserve(chunk, owner)
            _finish(chunk, owner, wanted, register.sign_many([each.reservation for each in wanted]))
    except TakenOver:
        log.warning("Another worker took over %s", chunk)
    except VaultClosed as refusal:
        _wait(chunk, owner, refusal.message)
    except (Refused, PkiError) as error:
        _set_aside(chunk, owner, error.message)


def _reserve(chunk: Chunk, owner: str) -> list[Wanted]:
    """Write requests and reservations for the lines that still hold good, and commit them."""
    batch = chunk.batch
    vault.check_key(batch.authority.key_id)
    with transaction.atomic(durable=True):
        refuse_unusable(batch.authority)
        seen = _still_good(chunk)
        keys = _keys(batch, seen)
        wanted = _plan(chunk, seen, keys)
        _hold_keys(wanted)
        register.reserve_many([each.reservation for each in wanted])
        rows.insert_requests(_request_rows(chunk, wanted, seen))
        _advance(chunk, owner, Chunk.State.CHECKED, {"state": Chunk.State.RESERVED})
    return wanted


def _still_good(chunk: Chunk) -> list[Seen]:
    """The lines that were accepted, asked once more: gateways move, and are claimed."""
    columns = ("pk", "eui", "gateway", "public_key", "spki_sha256", "key_type", "csr")
    seen = [
        Seen(pk, eui, gateway, _octets(key), spki, kind, csr=_octets(csr))
        for pk, eui, gateway, key, spki, kind, csr in chunk.content.accepted().values_list(*columns)
    ]
    judge(chunk.batch.vendor_id, seen)
    late = [each for each in seen if each.code]
    for each in late:
        Line.objects.filter(pk=each.pk).update(code=each.code, words=each.words)
    if late:
        Chunk.objects.filter(pk=chunk.pk).update(refused=chunk.refused + len(late))
    return [each for each in seen if not each.code]


def _octets(column: memoryview | bytes | None) -> bytes | None:
    return None if column is None else bytes(column)


def _keys(batch: Batch, seen: Sequence[Seen]) -> list[Any]:
    """Make the keys that are made here; return their ids, or None for each line that has a CSR."""
    if not batch.makes_keys:
        return [None] * len(seen)
    made = vault.create_keys(batch.key_type, len(seen), purpose="gateway")
    for each, (_, spki) in zip(seen, made, strict=True):
        each.public_key, each.key_type = spki, batch.key_type
        each.spki_sha256 = hashlib.sha256(spki).hexdigest()
    return [key_id for key_id, _ in made]


def _plan(chunk: Chunk, seen: Sequence[Seen], keys: Sequence[Any]) -> list[Wanted]:
    batch, authority, now = chunk.batch, chunk.batch.authority, clock.now()
    if authority.key_id is None:
        raise Refused("authority-without-key", "The authority is not operated here. Nothing was signed.")
    begin, end = validity(now, timedelta(days=batch.lifetime_days), authority.not_after)
    shapes = Shapes(bytes(authority.der), find_profile(batch.profile, batch.profile_version))
    requester = batch.requested_by.name if batch.requested_by else SYSTEM.name
    signings, requests = bulk.take_ids(Signing, len(seen)), bulk.take_ids(Request, len(seen))
    wanted = []
    for each, key_id, signing_id, request_id in zip(seen, keys, signings, requests, strict=True):
        serial = new_serial()
        spki = each.public_key or b""
        filled = shapes.fill(eui=each.eui, serial=serial, not_before=begin, not_after=end, spki=spki)
        reservation = Reservation(
            id=signing_id,
            key_id=authority.key_id,
            issuer_id=authority.pk,
            serial=f"{serial:x}",
            subject=each.eui,
            profile=batch.profile,
            profile_version=batch.profile_version,
            tbs=filled.tbs,
            tbs_sha256=hashlib.sha256(filled.tbs).hexdigest(),
            signature_algorithm=filled.signature_algorithm,
            not_after=end,
            requester=requester[:200],
            reserved_at=now,
        )
        gateway_id = each.gateway_id or 0
        wanted.append(
            Wanted(request_id, gateway_id, each.eui, each.key_type, each.spki_sha256, key_id, reservation, begin)
        )
    return wanted


def _hold_keys(wanted: Sequence[Wanted]) -> None:
    """Each key is this gateway's from now on; who wanted it in vain before has it no more."""
    known = dict(
        KeyHolder.objects.filter(pk__any_of=[each.spki_sha256 for each in wanted]).values_list("pk", "gateway")
    )
    new = [KeyHolderRow(each.spki_sha256, each.gateway_id) for each in wanted if each.spki_sha256 not in known]
    rows.insert_key_holders(new)
    for each in wanted:
        if known.get(each.spki_sha256, each.gateway_id) != each.gateway_id:
            KeyHolder.objects.filter(pk=each.spki_sha256).update(gateway=each.gateway_id)


def _request_rows(chunk: Chunk, wanted: Sequence[Wanted], seen: Sequence[Seen]) -> list[RequestRow]:
    batch = chunk.batch
    found = []
    for each, line in zip(wanted, seen, strict=True):
        csr, spki = line.csr, line.public_key or b""
        content = hash_content(
            eui=each.eui,
            vendor=batch.vendor_id,
            authority=batch.authority.sha256,
            profile=[batch.profile, batch.profile_version],
            lifetime_days=batch.lifetime_days,
            public_key=each.spki_sha256,
            csr=None if csr is None else hashlib.sha256(csr).hexdigest(),
        )
        found.append(
            RequestRow(
                id=each.request_id,
                gateway_id=each.gateway_id,
                vendor_id=batch.vendor_id,
                authority_id=batch.authority_id,
                idempotency_key=f"batch:{batch.pk}:{line.pk}",
                profile=batch.profile,
                profile_version=batch.profile_version,
                lifetime_days=batch.lifetime_days,
                public_key=spki,
                key_type=each.key_type,
                csr=csr,
                content_sha256=content,
                state=Request.State.RESERVED.value,
                requested_by_id=batch.requested_by_id,
                requested_at=batch.requested_at,
                decided_at=batch.decided_at or clock.now(),
                decision_reason=batch.decision_reason,
                serial=each.reservation.serial,
                not_before=each.not_before,
                not_after=each.reservation.not_after,
                signing_id=each.reservation.id,
                attempts=1,
                key_id=each.key_id,
                chunk_id=chunk.pk,
                decided_by_id=batch.decided_by_id,
            )
        )
    return found


def _resumed(chunk: Chunk) -> list[Wanted]:
    """What an earlier worker recorded and did not finish. What was revoked meanwhile is not signed any more."""
    requests = chunk.requests.filter(state=Request.State.RESERVED).select_related("signing", "gateway")
    revoked = requests.filter(signing__revoked_at__isnull=False)
    revoked.update(state=Request.State.FAILED, failure="Its serial number was revoked before it was signed.")
    return [_wanted(request) for request in requests.filter(signing__in=Signing.objects.open_to_sign())]


def _wanted(request: Request) -> Wanted:
    signing = request.signing
    if signing is None or request.not_before is None:
        raise Refused("not-reserved", "A request of this chunk has no reservation. An operator looks at it.")
    values = {name: getattr(signing, name) for name in Reservation._fields}
    reservation = Reservation(**{**values, "tbs": bytes(signing.tbs)})
    spki_sha256 = hashlib.sha256(bytes(request.public_key)).hexdigest()
    return Wanted(
        request.pk,
        request.gateway_id,
        request.gateway.eui,
        request.key_type,
        spki_sha256,
        request.key_id,
        reservation,
        request.not_before,
    )


def _finish(chunk: Chunk, owner: str, wanted: Sequence[Wanted], ders: Sequence[bytes]) -> None:
    now = clock.now()
    with transaction.atomic():
        done = {"state": Chunk.State.DONE, "issued": chunk.issued + len(wanted), "failure": ""}
        _advance(chunk, owner, Chunk.State.RESERVED, {**done, "lease_owner": "", "lease_until": None})
        register.keep_many(
            [Signed(each.reservation.id, der, now, None, "") for each, der in zip(wanted, ders, strict=True)]
        )
        certificates = _certificate_rows(chunk.batch, wanted, ders, now)
        rows.insert_certificates(certificates)
        ids = [each.request_id for each in wanted]
        Request.objects.filter(pk__any_of=ids).update(state=Request.State.ISSUED, failure="")
        _refresh_current(chunk.batch, wanted)
        _tell(chunk.batch, wanted, certificates)


def _certificate_rows(
    batch: Batch, wanted: Sequence[Wanted], ders: Sequence[bytes], now: datetime
) -> list[CertificateRow]:
    until = now + timedelta(days=settings.KEY_DAYS)
    pks = bulk.take_ids(Certificate, len(wanted))
    return [
        CertificateRow(
            id=pk,
            request_id=each.request_id,
            gateway_id=each.gateway_id,
            vendor_id=batch.vendor_id,
            authority_id=batch.authority_id,
            origin=Certificate.Origin.ISSUED.value,
            sha256=hashlib.sha256(der).hexdigest(),
            der=der,
            serial=each.reservation.serial,
            not_before=each.not_before,
            not_after=each.reservation.not_after,
            key_type=each.key_type,
            spki_sha256=each.spki_sha256,
            created_at=now,
            revoked_at=None,
            revocation_reason="",
            revoked_by_id=None,
            key_id=each.key_id,
            key_until=until if each.key_id else None,
        )
        for pk, each, der in zip(pks, wanted, ders, strict=True)
    ]


def _refresh_current(batch: Batch, wanted: Sequence[Wanted]) -> None:
    for end in {each.reservation.not_after for each in wanted}:
        mine = [each.gateway_id for each in wanted if each.reservation.not_after == end]
        refresh_after_issue(mine, batch.vendor_id, batch.authority, end, batch.profile)


def _tell(batch: Batch, wanted: Sequence[Wanted], certificates: Sequence[CertificateRow]) -> None:
    acts = [
        Act(
            "certificate",
            row.id,
            f"Certificate {row.id} of {each.eui}",
            batch.vendor_id,
            {"serial": row.serial, "sha256": row.sha256, "request": each.request_id, "batch": batch.pk},
        )
        for each, row in zip(wanted, certificates, strict=True)
    ]
    record_many(SYSTEM, "certificate.issued", acts)


def _advance(chunk: Chunk, owner: str, state: str, values: Mapping[str, object]) -> None:
    """Change the row while it is ours and in `state`; else another took over. Prolongs the lease."""
    until = clock.now() + timedelta(seconds=settings.LEASE_SECONDS)
    held = Chunk.objects.held_by(owner).filter(pk=chunk.pk, state=state)
    if not held.update(**{"lease_until": until, **values}):
        raise TakenOver
    for name, value in values.items():
        setattr(chunk, name, value)


def _wait(chunk: Chunk, owner: str, words: str) -> None:
    """Nothing is wrong with the chunk: this try does not count, and the next one comes later."""
    until = clock.now() + timedelta(seconds=settings.LEASE_SECONDS)
    held = Chunk.objects.held_by(owner).filter(pk=chunk.pk)
    held.update(failure=words[:500], lease_owner="", lease_until=until, attempts=chunk.attempts - 1)


def _set_aside(chunk: Chunk, owner: str, words: str) -> None:
    """End it with words. What of it is reserved goes on one by one, as any request does."""
    ended = {"state": Chunk.State.ASIDE, "failure": words[:500], "lease_owner": "", "lease_until": None}
    with transaction.atomic():
        if Chunk.objects.held_by(owner).filter(pk=chunk.pk).update(**ended):
            batch = chunk.batch
            record(SYSTEM, "batch.chunk-aside", subject=batch, vendor_id=batch.vendor_id, chunk=chunk.pk, why=words)
