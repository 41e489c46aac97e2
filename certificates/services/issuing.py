"""From an approved request to a certificate. Each step is committed before the next, so that whoever goes on after an
interruption finds what was done and makes the same bytes; only who holds the lease may finish (G1, G3, G4)."""

import logging
from collections.abc import Mapping
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F

from audit.services import SYSTEM, record
from cas.models import Signing
from cas.services import signing as register
from cas.services.profiles import find_profile
from certificates.models import MAX_ATTEMPTS, Certificate, Request
from certificates.services import mails
from certificates.services.content import content_sha256
from certificates.services.current import refresh_current
from certificates.services.requests import refuse_unissuable
from core import clock
from core.errors import Refused
from core.leases import TakenOver
from keys import services as vault
from keys.errors import VaultClosed
from pki.errors import PkiError
from pki.facts import read_certificate
from pki.issuing import Template, new_serial, prepare, validity

log = logging.getLogger(__name__)

PLAN_AGE = timedelta(hours=1)  # an older plan, of which nothing is reserved, is made anew: nothing is born old
WAITS = {"gateway-disputed"}  # what may change by itself: the request waits


def issue(request_id: int) -> Certificate | None:
    """Make the certificate of an approved request, or go on where that was interrupted.

    Returns None where there is nothing to do, another works on it, or it has to wait. Runs outside of transactions.
    """
    owner = Request.objects.unfinished().single().claim(request_id, seconds=settings.LEASE_SECONDS)
    return issue_held(request_id, owner) if owner else None


def issue_held(request_id: int, owner: str) -> Certificate | None:
    """The same for a request that `owner` has claimed: whoever claims it in the transaction that makes it is not
    overtaken by the schedule. Returns None also where the lease is another's by now."""
    related = ("gateway", "vendor", "authority__key", "requested_by", "decided_by", "signing")
    held = Request.objects.unfinished().single().held_by(owner)
    request = held.select_related(*related).filter(pk=request_id).first()
    if request is None:
        return None
    if request.attempts > MAX_ATTEMPTS:
        _stop(request, owner, f"Set aside after {MAX_ATTEMPTS} tries that did not end. An operator can try again.")
        return None
    try:
        with Request.objects.forgiven(request_id, owner):
            return _issue(request, owner)
    except TakenOver:
        log.warning("Another worker took over %s", request)
    except VaultClosed as refusal:
        _wait(request, owner, refusal.message)
    except Refused as refusal:
        _wait(request, owner, refusal.message) if refusal.code in WAITS else _stop(request, owner, refusal.message)
    except PkiError as error:
        _stop(request, owner, error.message)
    return None


def _issue(request: Request, owner: str) -> Certificate:
    signing = _reserved(request)
    if signing is None or signing.state != Signing.State.SIGNED:
        _refuse_changed(request)
        vault.check_key(request.authority.key_id)
    if signing is None:
        _plan(request, owner)
        signing = _reserve(request)
    _advance(request, owner, signing)
    return _finish(request, owner, signing=signing, der=register.sign(signing))


def _reserved(request: Request) -> Signing | None:
    """What an earlier worker reserved by the plan, whether or not it lived to say so."""
    if not request.serial:
        return None
    return Signing.objects.filter(key=request.authority.key, serial=request.serial).first()


def _refuse_changed(request: Request) -> None:
    if content_sha256(request) != request.content_sha256:
        raise Refused("request-changed", "The request is not what was approved. Nothing was signed.")
    refuse_unissuable(request)


def _plan(request: Request, owner: str) -> None:
    now = clock.now()
    if request.serial and request.not_before and request.not_before > now - PLAN_AGE:
        return
    lifetime = timedelta(days=request.lifetime_days)
    request.not_before, request.not_after = validity(now, lifetime, request.authority.not_after)
    request.serial = f"{new_serial():x}"
    plan = {"serial": request.serial, "not_before": request.not_before, "not_after": request.not_after}
    _update(request, owner, Request.State.APPROVED, plan)


def _reserve(request: Request) -> Signing:
    key = request.authority.key
    if key is None or request.not_before is None or request.not_after is None:
        raise Refused("authority-without-key", "The authority is not operated here. Nothing was signed.")
    profile = find_profile(request.profile, request.profile_version)
    twin = prepare(
        Template(
            profile=profile,
            common_name=request.gateway.eui,
            public_key_der=bytes(request.public_key),
            serial=int(request.serial, 16),
            not_before=request.not_before,
            not_after=request.not_after,
            issuer_der=bytes(request.authority.der),
        )
    )
    requester = request.requested_by.name if request.requested_by else SYSTEM.name
    try:
        return register.reserve(issuer=request.authority, key=key, twin=twin, profile=profile, requester=requester)
    except Refused:
        reserved = _reserved(request)  # a worker that came too late to finish was still fast enough to reserve
        if reserved is None:
            raise
        return reserved


def _advance(request: Request, owner: str, signing: Signing) -> None:
    if request.state == Request.State.APPROVED:
        _update(request, owner, Request.State.APPROVED, {"state": Request.State.RESERVED, "signing": signing})


def _finish(request: Request, owner: str, *, signing: Signing, der: bytes) -> Certificate:
    facts = read_certificate(der)
    signing.refresh_from_db(fields=["revoked_at", "revocation_reason"])
    with transaction.atomic():
        done = {"state": Request.State.ISSUED, "failure": "", "lease_owner": "", "lease_until": None}
        _update(request, owner, Request.State.RESERVED, done)
        certificate = Certificate.objects.create(
            request=request,
            gateway=request.gateway,
            vendor=request.vendor,
            authority=request.authority,
            origin=Certificate.Origin.ISSUED,
            sha256=facts.sha256,
            der=der,
            serial=facts.serial,
            not_before=facts.not_before,
            not_after=facts.not_after,
            key_type=facts.key_type,
            spki_sha256=facts.spki_sha256,
            revoked_at=signing.revoked_at,
            revocation_reason=signing.revocation_reason,
            key_id=request.key_id,
            key_until=clock.now() + timedelta(days=settings.KEY_DAYS) if request.key_id else None,
        )
        refresh_current(request.gateway_id)
        _tell(request, certificate)
    return certificate


def _tell(request: Request, certificate: Certificate) -> None:
    details = {"serial": certificate.serial, "sha256": certificate.sha256, "request": request.pk}
    record(SYSTEM, "certificate.issued", subject=certificate, vendor_id=request.vendor_id, **details)
    record(SYSTEM, "gateway.certified", subject=request.gateway, vendor_id=request.vendor_id, **details)
    if request.decided_by_id:  # it waited for somebody
        mails.tell_vendor(request, template="request_issued")


def _update(request: Request, owner: str, state: str, values: Mapping[str, object]) -> None:
    """Change the row while it is ours and in `state`; else another took over."""
    if not Request.objects.held_by(owner).filter(pk=request.pk, state=state).update(**values):
        raise TakenOver
    for name, value in values.items():
        setattr(request, name, value)


def _wait(request: Request, owner: str, words: str) -> None:
    """Put it back: nothing is wrong with the request. This try does not count, and the next one comes later."""
    until = clock.now() + timedelta(seconds=settings.LEASE_SECONDS)
    held = Request.objects.held_by(owner).filter(pk=request.pk)
    held.update(failure=words[:500], lease_owner="", lease_until=until, attempts=F("attempts") - 1)


def _stop(request: Request, owner: str, words: str) -> None:
    """End it with words. Where a serial number is reserved, a certificate may exist, and can be revoked by it."""
    signing = _reserved(request)
    state = Request.State.MAY_EXIST if signing and not signing.revoked_at else Request.State.FAILED
    with transaction.atomic():
        ended = {"state": state, "failure": words[:500], "lease_owner": "", "lease_until": None, "signing": signing}
        if not Request.objects.held_by(owner).filter(pk=request.pk).update(**ended):
            return
        request.state, request.failure = state, words[:500]
        record(SYSTEM, f"request.{state}", subject=request, vendor_id=request.vendor_id, why=words)
        mails.tell_vendor(request, template="request_failed")
        mails.tell_operators(request, template="request_failed")
