"""What an operator decides for a vendor: which authority issues for it, for what, and whether its requests wait."""

from collections.abc import Mapping

from django.db import transaction

from accounts.models import User, Vendor
from audit.services import record
from cas.models import Authority
from cas.services.profiles import current_profile, offered
from certificates.models import Approval, IssuingPolicy
from core import clock
from core.errors import Forbidden, Refused
from pki.errors import PkiError
from pki.profiles import GATEWAY_CLIENT, Naming, Profile


def set_policy(
    vendor: Vendor,
    *,
    actor: User,
    authority: Authority | None,
    automatic: bool = False,
    renews: bool = False,
    approvals: Mapping[str, str] | None = None,
) -> IssuingPolicy:
    """Let `authority` issue for `vendor`, or none. `approvals` says of each profile (by name) what becomes of requests;
    `automatic` is short for the usual profile's. With `renews`, what is old enough is asked for anew by itself."""
    if not actor.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator decides who issues for a vendor.")
    if authority and not Authority.objects.usable_at(clock.now()).filter(pk=authority.pk).exists():
        raise Refused("authority-unusable", "Choose an issuing authority that is operated here.", field="authority")
    usual = {GATEWAY_CLIENT.name: Approval.AUTOMATIC if automatic else Approval.OPERATOR}
    chosen = {name: Approval(approval) for name, approval in (approvals or usual).items()}
    with transaction.atomic():
        values = {"authority": authority, "renews": renews}
        policy, _ = IssuingPolicy.objects.update_or_create(vendor=vendor, defaults=values)
        for name, approval in chosen.items():
            policy.rules.update_or_create(profile=name, defaults={"approval": approval})
        said = {name: approval.value for name, approval in chosen.items()}
        details = {"authority": authority.name if authority else "", "approvals": said, "renews": renews}
        record(actor, "vendor.issuing-set", subject=vendor, vendor_id=vendor.pk, **details)
    return policy


def policy_of(vendor: Vendor) -> IssuingPolicy:
    """The vendor's policy; an unsaved one that allows nothing where no operator has decided yet."""
    found = IssuingPolicy.objects.select_related("authority__key").filter(vendor=vendor).first()
    return found or IssuingPolicy(vendor=vendor)


def profiles_for(vendor: Vendor) -> list[Profile]:
    """The gateways' profiles that `vendor` may ask for, the usual one first."""
    policy = policy_of(vendor)
    return [profile for profile in offered(Naming.EUI) if policy.approval_of(profile.name) != Approval.NONE]


def profile_for(vendor: Vendor, name: str) -> Profile:
    """The newest version of the profile; raises Refused where `vendor` may not ask for it."""
    refusal = Refused(
        "profile-not-offered", f"{vendor.name} cannot ask for {name}. An operator offers it.", field="profile"
    )
    try:
        profile = current_profile(name)
    except PkiError:
        raise refusal from None
    is_offered = profile.naming == Naming.EUI and profile.is_offered
    if not is_offered or policy_of(vendor).approval_of(name) == Approval.NONE:
        raise refusal
    return profile


def is_automatic(vendor: Vendor, profile: str) -> bool:
    """Whether the vendor's requests for this profile are approved as they come."""
    return policy_of(vendor).approval_of(profile) == Approval.AUTOMATIC


def issuing_authority(vendor: Vendor) -> Authority:
    """The authority that issues for `vendor`, fit for use now; raises Refused where there is none."""
    authority = policy_of(vendor).authority
    if authority is None:
        raise Refused(
            "no-issuing-authority",
            f"No authority issues for {vendor.name} yet. An operator chooses one on the vendor's page.",
        )
    refuse_unusable(authority)
    return authority


def refuse_unusable(authority: Authority) -> None:
    """Raise where `authority` cannot sign a gateway's certificate now."""
    if not Authority.objects.usable_at(clock.now()).filter(pk=authority.pk).exists():
        raise Refused(
            "authority-unusable",
            f"{authority.name} has expired or no longer issues. An operator chooses another for this vendor.",
        )


def refuse_key_type(key_type: str, profile: Profile, *, field: str) -> None:
    """Raise where the profile certifies no such key."""
    if key_type not in profile.key_types:
        choices = " or ".join(sorted(profile.key_types))
        message = f"{profile.name} certifies keys of type {choices}, and this one is {key_type}."
        raise Refused("key-type-refused", message, field=field)
