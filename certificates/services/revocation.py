"""Revoking: our own records say so at once, our lists and OCSP within a minute. The Things Stack honours neither."""

from django.db import transaction

from accounts.models import User
from audit.services import record
from cas.models import Signing
from cas.services.signing import revoke_signing
from certificates.models import Certificate, Request
from certificates.services import mails
from certificates.services.current import refresh_current
from core import clock
from core.errors import Forbidden, Refused
from keys import services as vault


def revoke(certificate: Certificate, *, actor: User, reason: str) -> Certificate:
    """Revoke for one of the reasons of RFC 5280 section 5.3.1. It cannot be taken back.

    A private key that is still sealed here has no use any more, and is destroyed.
    """
    if not actor.is_operator and actor.vendor_id != certificate.vendor_id:
        raise Forbidden("not-your-certificate", "You can revoke certificates of your own gateways only.")
    refuse_unknown(reason)
    with transaction.atomic():
        in_force = Certificate.objects.filter(pk=certificate.pk, revoked_at__isnull=True)
        if not in_force.update(revoked_at=clock.now(), revocation_reason=reason, revoked_by=actor):
            raise Refused("already-revoked", "This certificate is revoked already.")
        certificate.refresh_from_db()
        # by serial, because what an operated authority signed may have been recorded later, from a file
        signed = Signing.objects.filter(key=certificate.authority.key_id, serial=certificate.serial)
        signing = signed.filter(revoked_at__isnull=True).first()
        if signing:
            revoke_signing(signing, actor=actor, reason=reason)
        if certificate.key_id:
            vault.destroy_key(certificate.key_id)
        refresh_current(certificate.gateway_id)
        details = {"serial": certificate.serial, "reason": reason}
        record(actor, "certificate.revoked", subject=certificate, vendor_id=certificate.vendor_id, **details)
        record(actor, "gateway.certificate-revoked", subject=certificate.gateway, vendor_id=certificate.vendor_id)
        mails.tell_revoked(certificate)
    return certificate


def revoke_request(request: Request, *, actor: User, reason: str) -> Request:
    """Revoke by serial what may exist, though nobody here has seen it."""
    if not actor.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator revokes what may exist.")
    refuse_unknown(reason)
    if request.signing is None or request.state != Request.State.MAY_EXIST:
        raise Refused("nothing-to-revoke", "Of this request, nothing exists that is not on record. Reload the page.")
    with transaction.atomic():
        revoke_signing(request.signing, actor=actor, reason=reason)
        stuck = Request.objects.filter(pk=request.pk, state=Request.State.MAY_EXIST)
        words = "Revoked by serial before anybody saw the certificate."
        if not stuck.update(state=Request.State.FAILED, failure=words):
            raise Refused("request-not-stuck", "Somebody took this request up again. Reload the page.")
        record(actor, "request.revoked", subject=request, vendor_id=request.vendor_id, reason=reason)
    request.refresh_from_db()
    return request


def refuse_unknown(reason: str) -> None:
    """Raise unless `reason` is one of RFC 5280's that people choose from."""
    if reason not in Signing.Reason.values:
        raise Refused("reason-unknown", "Choose one of the reasons.", field="reason")
