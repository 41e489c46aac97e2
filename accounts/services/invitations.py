"""Invitations: a link that works once, for one address, role and vendor."""

from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse

from accounts.models import Deployment, Invitation, Role, User, Vendor
from accounts.services import recipients
from accounts.services.tokens import hash_of, new_token
from audit.services import record
from core import clock
from core.errors import Refused
from outbox.services import queue_mail

LIFE = timedelta(days=7)


class LinkDead(Refused):
    """The link was used or revoked, or its time is over."""

    status = 410


def invite(actor: User, *, email: str, role: str, vendor: Vendor | None = None) -> Invitation:
    """Mail a link to `email`. A new invitation for the same address replaces the earlier one."""
    email = email.strip().lower()
    if User.objects.filter(email=email).exists():
        raise Refused("address-taken", "This address has an account already.", field="email")
    if (role == Role.VENDOR) != (vendor is not None):
        raise Refused("vendor-needed", "A vendor's person needs a vendor, and nobody else has one.", field="role")
    token, token_hash = new_token()
    with transaction.atomic():
        Invitation.objects.open_at(clock.now()).filter(email=email).update(revoked_at=clock.now())
        invitation = Invitation.objects.create(
            token_hash=token_hash,
            email=email,
            role=role,
            vendor=vendor,
            invited_by=actor,
            created_at=clock.now(),
            expires_at=clock.now() + LIFE,
        )
        vendor_id = vendor.pk if vendor else None
        record(actor, "invitation.sent", subject=invitation, vendor_id=vendor_id, email=email, role=role)
        _mail(invitation, actor, token)
    return invitation


def invite_again(actor: User, invitation: Invitation) -> Invitation:
    """Mail a new link in place of one that was not used; it lives for 7 days from now."""
    if invitation.used_at or invitation.revoked_at:
        raise Refused("invitation-closed", "This invitation was used or revoked. Invite the address anew.")
    return invite(actor, email=invitation.email, role=invitation.role, vendor=invitation.vendor)


def revoke_invitation(actor: User, invitation: Invitation) -> None:
    with transaction.atomic():
        if Invitation.objects.filter(pk=invitation.pk, used_at=None, revoked_at=None).update(revoked_at=clock.now()):
            details = {"email": invitation.email, "role": invitation.role}
            record(actor, "invitation.revoked", subject=invitation, vendor_id=invitation.vendor_id, **details)


def open_invitation(token: str) -> Invitation:
    """Return the invitation of a link that still works, else raise LinkDead."""
    open_ones = Invitation.objects.open_at(clock.now()).select_related("vendor", "invited_by")
    invitation = open_ones.filter(token_hash=hash_of(token)).first()
    if invitation is None:
        raise LinkDead("link-dead", "This link was used, revoked, or is older than 7 days. Ask for a new invitation.")
    return invitation


def accept(token: str, *, name: str, password: str) -> User:
    """Make the account that the invitation is for. The link is used up: two at once give one."""
    invitation = open_invitation(token)
    try:
        with transaction.atomic():
            if not Invitation.objects.open_at(clock.now()).filter(pk=invitation.pk).update(used_at=clock.now()):
                raise LinkDead("link-dead", "This link was used already. Sign in instead.")
            fields = {"name": name, "role": invitation.role, "vendor": invitation.vendor}
            user = User.objects.create_user(invitation.email, password, **fields)
            record(user, "person.joined", subject=user, vendor_id=user.vendor_id, role=user.role)
            return user
    except IntegrityError:
        raise Refused("address-taken", "This address has an account already. Sign in instead.") from None


def _mail(invitation: Invitation, actor: User, token: str) -> None:
    url = f"{settings.PUBLIC_URL}{reverse('accounts:accept', args=[token])}"
    context = {
        "inviter": actor.name,
        "role": invitation.get_role_display(),
        "vendor": invitation.vendor,
        "expires_at": invitation.expires_at,
        "deployment": Deployment.objects.first(),
        "action_url": url,
        "action_label": "Accept the invitation",
    }
    reply_to = invitation.vendor.reply_to if invitation.vendor else ""
    key = f"invitation:{invitation.pk}"
    queue_mail(key=key, to=invitation.email, template="invitation", context=context, reply_to=reply_to)
    if invitation.role != Role.OPERATOR:
        return
    told = {**context, "invited": invitation.email, "at": clock.now()}
    told |= {"action_url": f"{settings.PUBLIC_URL}{reverse('accounts:settings')}", "action_label": "Open the settings"}
    for address in recipients.operators():
        key = f"operator-invited:{invitation.pk}:{address}"
        queue_mail(key=key, to=address, template="operator_invited", context=told)
