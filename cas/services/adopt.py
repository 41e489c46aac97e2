"""Authorities that a network server trusted before this product did."""

from collections.abc import Sequence

from django.db import transaction

from accounts.models import User
from audit.services import record
from cas.models import Authority
from cas.services.findings import as_rows
from cas.services.linking import link
from core import clock
from core.errors import Refused
from pki.acceptance import judge_authority
from pki.errors import PkiError
from pki.facts import CertificateFacts, read_certificate

REASON = "Found in the store, and adopted with it."


def found_in_store(actor: User, ders: Sequence[bytes]) -> list[Authority]:
    """Return an authority for each certificate, in their order; those not known before are recorded as found.

    What a network server trusts already is approved by adopting it, whatever its findings: they are shown.
    """
    with transaction.atomic():
        return [_adopted(actor, _facts(der)) for der in ders]


def _facts(der: bytes) -> CertificateFacts:
    try:
        return read_certificate(der)
    except PkiError as error:
        message = f"A certificate in the store cannot be adopted: {error.message} Replace the store instead."
        raise Refused(error.code, message) from error


def _adopted(actor: User, facts: CertificateFacts) -> Authority:
    known = Authority.objects.filter(sha256=facts.sha256).first()
    if known is not None and known.state == Authority.State.APPROVED:
        return known
    authority = known or _found(actor, facts)
    authority.state = Authority.State.APPROVED
    authority.decided_by, authority.decided_at = actor, clock.now()
    authority.decision_reason = REASON
    authority.save()
    link(authority, facts)
    record(actor, "authority.adopted", subject=authority, vendor_id=authority.vendor_id, sha256=authority.sha256)
    return authority


def _found(actor: User, facts: CertificateFacts) -> Authority:
    findings = as_rows(judge_authority(facts, now=clock.now()))
    return Authority.from_facts(facts, origin=Authority.Origin.FOUND, submitted_by=actor, findings=findings)
