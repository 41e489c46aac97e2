"""Who is told what became of a request, and that a certificate was revoked."""

from collections.abc import Sequence

from django.conf import settings
from django.urls import reverse

from accounts.models import Deployment, User, Vendor
from accounts.services import recipients
from certificates.models import Batch, Certificate, Request
from core import clock
from gateways.models import Gateway
from outbox.services import queue_mail


def tell_vendor(request: Request, *, template: str) -> None:
    """One mail for each of the vendor's people and contacts, in the caller's transaction."""
    _tell(request, template, recipients.for_vendor(request.vendor), reply_to=request.vendor.reply_to)


def tell_operators(request: Request, *, template: str) -> None:
    _tell(request, template, recipients.operators())


def tell_revoked(certificate: Certificate) -> None:
    """One mail for each of the vendor's people and contacts, in the caller's transaction: who honours it, too."""
    context = {
        "deployment": _deployment_name(),
        "eui": certificate.gateway.eui,
        "gateway_name": certificate.gateway_name,
        "vendor": certificate.vendor.name,
        "authority": certificate.authority.name,
        "is_operated": certificate.authority.is_operated,
        "revoked_at": certificate.revoked_at,
        "revoked_by": certificate.revoked_by.name if certificate.revoked_by else "",
        "reason": certificate.get_revocation_reason_display(),
        "url": settings.PUBLIC_URL + reverse("certificates:detail", args=[certificate.pk]),
    }
    template = "certificate_revoked"
    for address in recipients.for_vendor(certificate.vendor):
        key = f"{template}:{certificate.pk}:{address}"
        reply_to = certificate.vendor.reply_to
        queue_mail(key=key, to=address, template=template, context=context, reply_to=reply_to)


def tell_many_revoked(vendor: Vendor, certificates: Sequence[Certificate], *, actor: User) -> None:
    """One mail about all of them for each of the vendor's people and contacts, in the caller's transaction."""
    context = {
        "deployment": _deployment_name(),
        "vendor": vendor.name,
        "count": len(certificates),
        "euis": [each.gateway.eui for each in certificates[:20]],
        "more": max(len(certificates) - 20, 0),
        "authorities": ", ".join(sorted({each.authority.name for each in certificates})),
        "revoked_by": actor.name,
        "url": f"{settings.PUBLIC_URL}{reverse('certificates:list')}?state=revoked",
    }
    first = certificates[0].pk
    for address in recipients.for_vendor(vendor):
        queue_mail(
            key=f"certificates_revoked:{first}:{len(certificates)}:{address}",
            to=address,
            template="certificates_revoked",
            context=context,
            reply_to=vendor.reply_to,
        )


def tell_moved(
    vendor: Vendor, gateways: Sequence[Gateway], *, actor: User, fate: str, reason: str, is_gone: bool
) -> None:
    """One mail about all of them for each of the vendor's people and contacts, in the caller's transaction."""
    context = {
        "deployment": _deployment_name(),
        "vendor": vendor.name,
        "is_gone": is_gone,
        "fate": fate,
        "count": len(gateways),
        "euis": [each.eui for each in gateways[:20]],
        "more": max(len(gateways) - 20, 0),
        "moved_by": actor.name,
        "reason": reason,
        "url": settings.PUBLIC_URL + reverse("gateways:list"),
    }
    for address in recipients.for_vendor(vendor):
        key = f"gateways_moved:{gateways[0].pk}:{len(gateways)}:{clock.now().isoformat()}:{address}"
        queue_mail(key=key, to=address, template="gateways_moved", context=context, reply_to=vendor.reply_to)


def tell_about_batch(batch: Batch, *, template: str, **counts: int) -> None:
    """One mail for each of the vendor's people and contacts, and for who handed it in, in the caller's transaction."""
    context = {
        "deployment": _deployment_name(),
        "batch": str(batch),
        "source": batch.source,
        "vendor": batch.vendor.name,
        "decided_by": batch.decided_by.name if batch.decided_by else "",
        "reason": batch.decision_reason,
        "url": settings.PUBLIC_URL + reverse("certificates:batch", args=[batch.pk]),
        **counts,
    }
    ended = batch.ended_at.isoformat() if batch.ended_at else ""
    addresses = {*recipients.for_vendor(batch.vendor), *([batch.requested_by.email] if batch.requested_by else [])}
    for address in sorted(addresses):
        key = f"{template}:{batch.pk}:{ended}:{address}"
        queue_mail(key=key, to=address, template=template, context=context, reply_to=batch.vendor.reply_to)


def _deployment_name() -> str:
    deployment = Deployment.objects.first()
    return deployment.name if deployment else ""


def _tell(request: Request, template: str, addresses: list[str], *, reply_to: str = "") -> None:
    context = {
        "deployment": _deployment_name(),
        "eui": request.gateway.eui,
        "gateway_name": request.gateway_name,
        "vendor": request.vendor.name,
        "authority": request.authority.name,
        "requested_at": request.requested_at,
        "decided_by": request.decided_by.name if request.decided_by else "",
        "reason": request.decision_reason,
        "failure": request.failure,
        "not_after": request.not_after,
        "url": settings.PUBLIC_URL + reverse("certificates:request", args=[request.pk]),
    }
    for address in addresses:
        key = f"{template}:{request.pk}:{request.lease_owner[-12:] if template == 'request_failed' else 0}:{address}"
        queue_mail(key=key, to=address, template=template, context=context, reply_to=reply_to)
