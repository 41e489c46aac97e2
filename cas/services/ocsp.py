"""Answers about certificates of our authorities (RFC 6960, RFC 5019).

An answer for one certificate without a nonce is kept and given again; every other is signed for whoever asks. The use
of the signer's key is counted in the vault and beside the signer in one transaction, and what was signed leaves it only
after the commit (G1). What we never issued is unknown, never good (G8), and not kept: anybody can ask for it.
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Sum

from cas.models import OcspAnswer, OcspSigner, Signing, StatusService
from core import clock
from core.errors import Refused
from keys import services as vault
from pki import ocsp
from pki.certificate_template import BACKDATING
from pki.ocsp import CertId, Malformed, Request, Single, Status
from pki.signatures import ECDSA_SHA256

log = logging.getLogger(__name__)
LIFE = timedelta(hours=1)  # of an answer: how long others may go on believing it


@dataclass(frozen=True, slots=True)
class Answer:
    """An OCSPResponse in DER. One that others may keep says since when and until when."""

    der: bytes
    produced_at: datetime | None = None
    next_update: datetime | None = None

    @property
    def fresh_until(self) -> datetime | None:
        """When it is signed anew for whoever asks."""
        return self.produced_at + LIFE / 2 if self.produced_at else None


def answer(content: bytes) -> Answer:
    """The answer to an OCSPRequest in DER; whatever is wrong is an answer too."""
    try:
        request = ocsp.read_request(content)
    except Malformed:
        return _error(Status.MALFORMED_REQUEST)
    try:
        return _kept(request) or _sign(request)
    except Refused as refusal:  # the vault does not open
        log.warning("No OCSP answer: %s", refusal.message)
        return _error(Status.TRY_LATER)


def revocations() -> int:
    """Grows with every revocation, in its transaction."""
    summed: int = StatusService.objects.aggregate(sum=Sum("revocations", default=0))["sum"]
    return summed


def forget_old_answers() -> None:
    OcspAnswer.objects.over_at(clock.now()).delete()


def _error(status: Status) -> Answer:
    return Answer(ocsp.error(status))


def _is_keepable(request: Request) -> bool:
    return len(request.asked) == 1 and not request.nonce


def _kept(request: Request) -> Answer | None:
    """What was signed for the same question, if it is still true and younger than half of its life."""
    if not _is_keepable(request):
        return None
    found = OcspAnswer.objects.filter(pk=_key(request.asked[0])).values_list(
        "der", "produced_at", "next_update", "is_revoked", "signing__revoked_at"
    )
    for der, produced_at, next_update, is_revoked, revoked_at in found:
        if is_revoked == (revoked_at is not None) and clock.now() < produced_at + LIFE / 2:
            return Answer(bytes(der), produced_at, next_update)
    return None


def _key(cert_id: CertId) -> bytes:
    return hashlib.sha256(cert_id.der).digest()


def _sign(request: Request) -> Answer:
    service = _service(request.asked)
    if service is None:
        return _error(Status.UNAUTHORIZED)
    now = clock.now().replace(microsecond=0)
    signer = OcspSigner.objects.usable_at(now).filter(authority=service.authority_id).select_related("key").first()
    if signer is None or signer.der is None or signer.not_after is None:
        return _error(Status.TRY_LATER)
    rows = _rows(service, request.asked)
    next_update = min(now + LIFE, signer.not_after)
    data = ocsp.response_data(
        [_single(each, rows.get(each.serial)) for each in request.asked],
        responder_key=bytes(signer.key.public_key),
        produced_at=now,
        this_update=now - BACKDATING,
        next_update=next_update,
        nonce=request.nonce,
    )
    signature = _signature(signer, data)
    der = ocsp.response(data, algorithm=ECDSA_SHA256, signature=signature, signer=bytes(signer.der))
    row = rows.get(request.asked[0].serial)
    if row is None or not (_is_keepable(request) and _is_known(row)):
        return Answer(der)
    _keep(request.asked[0], row, der, now, next_update)
    return Answer(der, now, next_update)


def _service(asked: Sequence[CertId]) -> StatusService | None:
    """Whose certificates these are, if all are of one authority of ours: one signer cannot speak for two."""
    first = asked[0]
    if not first.hash_name:
        return None
    named = StatusService.objects.filter(**{f"{first.hash_name}_id": first.issuer})
    service = named.select_related("authority").only("sha1_id", "sha256_id", "authority__key").first()
    if service is None:
        return None
    own = {("sha1", service.sha1_id), ("sha256", service.sha256_id)}
    return service if all((each.hash_name, each.issuer) in own for each in asked) else None


def _rows(service: StatusService, asked: Sequence[CertId]) -> dict[int, Signing]:
    """What the register has of these serial numbers."""
    serials = {f"{each.serial:x}" for each in asked if each.serial > 0}
    # by the key, with which serial numbers have an index
    found = Signing.objects.filter(key=service.authority.key_id, issuer=service.authority_id, serial__in=serials)
    columns = ("serial", "state", "revoked_at", "revocation_reason")
    return {int(row.serial, 16): row for row in found.only(*columns)}


def _is_known(row: Signing) -> bool:
    """What may exist was given to nobody: before it is revoked, nobody has a reason to call it good."""
    return row.revoked_at is not None or row.state == Signing.State.SIGNED


def _single(cert_id: CertId, row: Signing | None) -> Single:
    if row is None or not _is_known(row):
        return Single(cert_id, is_known=False)
    return Single(cert_id, is_known=True, revoked_at=row.revoked_at, reason=row.revocation_reason or "unspecified")


def _signature(signer: OcspSigner, data: bytes) -> bytes:
    with transaction.atomic(durable=True):
        OcspSigner.objects.filter(pk=signer.pk).update(responses=F("responses") + 1)
        return vault.sign(signer.key_id, data)


def _keep(cert_id: CertId, row: Signing, der: bytes, produced_at: datetime, next_update: datetime) -> None:
    kept = OcspAnswer(
        cert_id_sha256=_key(cert_id), signing=row, is_revoked=row.revoked_at is not None, der=der,
        produced_at=produced_at, next_update=next_update,
    )  # fmt: skip
    columns = ["signing", "is_revoked", "der", "produced_at", "next_update"]
    OcspAnswer.objects.bulk_create([kept], update_conflicts=True, unique_fields=["pk"], update_fields=columns)
