"""Asking for a certificate, and deciding on it."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.models import User, Vendor
from accounts.services.four_eyes import decide
from audit.services import SYSTEM, record
from cas.models import Authority
from certificates.models import Request
from certificates.services import mails
from certificates.services.content import content_sha256
from certificates.services.key_holding import hold_key
from certificates.services.policy import (
    is_automatic,
    issuing_authority,
    profile_for,
    refuse_key_type,
    refuse_unusable,
)
from core import clock
from core.errors import Forbidden, Refused, TooMany
from gateways.models import Gateway
from gateways.services import refuse_unfit
from keys import services as vault
from keys.models import Key
from pki.csr import inspect_csr
from pki.findings import Finding, Severity
from pki.profiles import GATEWAY_CLIENT, Profile

KEY_TYPES = ("P-256", "RSA 2048")  # that are made here; a Basics Station reads both
BY_ITSELF = "Approved by the vendor's policy"


class CsrRefused(Refused):
    """A CSR that no certificate can be made of; `findings` says why, one by one."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        worst = next(finding for finding in findings if finding.severity is Severity.REFUSED)
        super().__init__(worst.code, f"{worst.message} {worst.advice}".strip(), field="csr")
        self.findings = findings


@dataclass(frozen=True, slots=True)
class _Wish:
    """What was asked for; `source` is a CSR, or the type of a key that is made here."""

    lifetime_days: int
    source: bytes | str
    profile: str


@dataclass(frozen=True, slots=True)
class _Subject:
    """The public half that will be certified, and where it comes from."""

    public_key: bytes
    key_type: str
    csr: bytes | None = None
    key: Key | None = None


def request_certificate(  # noqa: PLR0913  each is one thing that is asked for
    actor: User,
    gateway: Gateway,
    *,
    lifetime_days: int,
    idempotency_key: str,
    csr: bytes | None = None,
    key_type: str = "",
    profile: str = GATEWAY_CLIENT.name,
) -> Request:
    """Ask for a certificate, for the key of `csr` or for one of `key_type` that is made here. It will be of the version
    of `profile` that is the newest now.

    The same `idempotency_key` gives the same row, however often and from wherever it comes (G3).
    """
    _refuse_foreign(actor, gateway)
    scoped = f"{gateway.pk}:{idempotency_key}"[:100]
    wish = _Wish(lifetime_days, key_type if csr is None else csr, profile)
    try:
        with transaction.atomic():
            if found := _asked_before(scoped):
                return _same(found, wish)
            return _ask(actor, gateway, key=scoped, wish=wish)
    except IntegrityError:
        found = _asked_before(scoped)  # another was faster, and the row is there
        if found is None:
            raise
        return _same(found, wish)


def approve_request(
    request: Request, *, actor: User, expected_sha256: str, password: str = "", reason: str = ""
) -> Request:
    """Approve what `actor` has seen: `expected_sha256` is the hash of the content that the page showed."""
    with transaction.atomic():
        request = _fresh(request)
        is_alone = decide(actor, authors=[request.requested_by], password=password, reason=reason)
        if not expected_sha256 == request.content_sha256 == content_sha256(request):
            raise Refused("request-changed", "This request changed since you saw it. Look at it again.")
        refuse_unissuable(request)
        _decide(request, actor=actor, state=Request.State.APPROVED, reason=reason, is_alone=is_alone)
        record(actor, "request.approved", subject=request, vendor_id=request.vendor_id, **_decision(request))
    return request


def refuse_request(request: Request, *, actor: User, reason: str) -> Request:
    """Refuse, and mail the reason to the vendor. A key that was made for it has no use any more."""
    if not actor.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator decides on requests.")
    if not reason.strip():
        raise Refused("reason-needed", "Say why: the vendor gets these words by mail.", field="reason")
    with transaction.atomic():
        request = _fresh(request)
        _decide(request, actor=actor, state=Request.State.REFUSED, reason=reason, is_alone=False)
        if request.key_id:
            vault.destroy_key(request.key_id)
        record(actor, "request.refused", subject=request, vendor_id=request.vendor_id, reason=reason)
        mails.tell_vendor(request, template="request_refused")
    return request


def retry_request(request: Request, *, actor: User) -> Request:
    """Take up again what failed or was set aside. What was reserved before is finished, never signed anew."""
    if not actor.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator tries a failed request again.")
    with transaction.atomic():
        request = _fresh(request)
        if request.key and request.key.destroyed_at:
            raise Refused("key-destroyed", "The key of this request is destroyed. Request a new certificate instead.")
        stuck = Request.objects.filter(pk=request.pk, state__in=[Request.State.FAILED, Request.State.MAY_EXIST])
        state = Request.State.RESERVED if request.signing_id else Request.State.APPROVED
        hold_key(request.gateway, bytes(request.public_key))
        if not stuck.update(state=state, attempts=0, failure="", lease_owner="", lease_until=None):
            raise Refused("request-not-stuck", "This request needs no help. Reload the page to see how it stands.")
        record(actor, "request.retried", subject=request, vendor_id=request.vendor_id)
    request.refresh_from_db()
    return request


def refuse_unissuable(request: Request) -> None:
    """Raise where no certificate may be made of this request now, whoever approved it before."""
    gateway = request.gateway
    if gateway.vendor_id != request.vendor_id:
        raise Refused("gateway-moved", "The gateway belongs to another vendor by now.")
    refuse_unfit(gateway)
    refuse_unusable(request.authority)


def _ask(actor: User, gateway: Gateway, *, key: str, wish: _Wish) -> Request:
    refuse_unfit(gateway)
    _refuse_too_many(actor, gateway.vendor)
    authority = issuing_authority(gateway.vendor)
    profile = profile_for(gateway.vendor, wish.profile)
    refuse_lifetime(wish.lifetime_days, profile, authority)
    subject = _subject(wish.source, gateway, profile)
    hold_key(gateway, subject.public_key, field="csr")
    request = Request(
        gateway=gateway,
        vendor=gateway.vendor,
        authority=authority,
        idempotency_key=key,
        profile=profile.name,
        profile_version=profile.version,
        lifetime_days=wish.lifetime_days,
        public_key=subject.public_key,
        key_type=subject.key_type,
        csr=subject.csr,
        key=subject.key,
        requested_by=actor,
    )
    request.content_sha256 = content_sha256(request)
    request.save(force_insert=True)
    details: dict[str, object] = {
        "sha256": request.content_sha256,
        "lifetime_days": wish.lifetime_days,
        "key_type": request.key_type,
    }
    record(
        actor,
        "request.made",
        subject=request,
        vendor_id=request.vendor_id,
        profile=[profile.name, profile.version],
        **details,
    )
    if is_automatic(gateway.vendor, profile.name):
        _approve_by_policy(request)
    return request


def _approve_by_policy(request: Request) -> None:
    _decide(request, actor=None, state=Request.State.APPROVED, reason=BY_ITSELF, is_alone=False)
    record(SYSTEM, "request.approved", subject=request, vendor_id=request.vendor_id, **_decision(request))


def _subject(source: bytes | str, gateway: Gateway, profile: Profile) -> _Subject:
    return _from_csr(source, gateway, profile) if isinstance(source, bytes) else _from_vault(source, profile)


def _from_csr(csr: bytes, gateway: Gateway, profile: Profile) -> _Subject:
    seen = inspect_csr(csr, eui=gateway.eui)
    if not seen.accepted:
        raise CsrRefused(tuple(seen.findings))
    refuse_key_type(seen.key_type, profile, field="csr")
    return _Subject(seen.public_key_der, seen.key_type, csr=seen.csr_der)


def _from_vault(key_type: str, profile: Profile) -> _Subject:
    if key_type not in KEY_TYPES:
        raise Refused("key-type-refused", f"Choose one of {' or '.join(KEY_TYPES)}.", field="key_type")
    refuse_key_type(key_type, profile, field="key_type")
    key = vault.create_key(key_type, purpose="gateway")
    return _Subject(bytes(key.public_key), key.key_type, key=key)


def _asked_before(key: str) -> Request | None:
    return Request.objects.select_related("gateway", "vendor", "authority").filter(idempotency_key=key).first()


def _same(found: Request, wish: _Wish) -> Request:
    """Refuse where the form was sent before with other values: nobody shall get what was not asked for."""
    source = wish.source
    if isinstance(source, bytes):
        is_same = found.csr is not None and inspect_csr(source, eui=found.gateway.eui).csr_der == bytes(found.csr)
    else:
        is_same = found.csr is None and found.key_type == source
    if not (is_same and (found.lifetime_days, found.profile) == (wish.lifetime_days, wish.profile)):
        raise Refused(
            "asked-otherwise",
            f"This form was sent before, for {found.lifetime_days} days with a key of type {found.key_type}. "
            "Open the form anew to ask for something else.",
        )
    return found


def _fresh(request: Request) -> Request:
    related = ("gateway", "vendor", "authority", "requested_by", "key")
    return Request.objects.select_related(*related).get(pk=request.pk)


def _decide(request: Request, *, actor: User | None, state: str, reason: str, is_alone: bool) -> None:
    decision = {"decided_by": actor, "decided_at": clock.now(), "decision_reason": reason, "single_handed": is_alone}
    waiting = Request.objects.waiting().filter(pk=request.pk, content_sha256=request.content_sha256)
    if not waiting.update(state=state, **decision):
        raise Refused("request-decided", "This request was decided already. Reload the page to see how.")
    for name, value in {"state": state, **decision}.items():
        setattr(request, name, value)


def _decision(request: Request) -> dict[str, object]:
    return {
        "sha256": request.content_sha256,
        "reason": request.decision_reason,
        "single_handed": request.single_handed,
    }


def _refuse_foreign(actor: User, gateway: Gateway) -> None:
    if not actor.is_operator and actor.vendor_id != gateway.vendor_id:
        raise Forbidden("not-your-gateway", "You can ask for certificates of your own gateways only.")


def _refuse_too_many(actor: User, vendor: Vendor) -> None:
    """Bound what one vendor can pile up. Operators know what they do."""
    most = settings.MAX_OPEN_REQUESTS
    if not actor.is_operator and Request.objects.open().filter(vendor=vendor).count() >= most:
        raise TooMany(
            "too-many-requests",
            f"{vendor.name} has {most} open requests, and no more are taken at a time. Go on when some of them are "
            "decided and issued, or ask an operator to do so.",
        )


def refuse_lifetime(days: int, profile: Profile, authority: Authority) -> None:
    if days not in profile.days:
        choices = ", ".join(str(each) for each in profile.days)
        raise Refused("lifetime-refused", f"Choose one of {choices} days.", field="lifetime_days")
    if clock.now() + timedelta(days=days) > authority.not_after:
        raise Refused(
            "outlives-issuer",
            f"{authority.name} ends on {authority.not_after:%d %B %Y}, before the certificate would. "
            "Choose a shorter lifetime, or ask an operator for a newer authority.",
            field="lifetime_days",
        )
