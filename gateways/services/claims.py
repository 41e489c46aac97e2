"""Claims: what a vendor wants to register outside of its blocks, and what an operator decides about it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.models import Deployment, User, Vendor
from accounts.services import recipients
from audit.services import Act, record, record_many
from core import clock
from core.errors import Forbidden, Refused
from gateways.models import Claim, ClaimQuerySet, Gateway
from gateways.services.limits import refuse_foreign, refuse_mass
from outbox.services import queue_mail

Outcome = Claim.Outcome
MOST = 5_000  # that are decided in one go
NAMED = 20  # in a mail


@dataclass(frozen=True, slots=True)
class Decided:
    """How many became gateways, and how many did not because somebody else had registered them meanwhile."""

    done: int
    taken: int = 0


def claim(actor: User, vendor: Vendor, eui: str, *, name: str = "", model: str = "") -> Claim:
    """Ask for an EUI that lies in no block of `vendor`. Asking twice is asking once."""
    refuse_foreign(actor, vendor)
    refuse_mass(actor, vendor)
    with transaction.atomic():
        about = {"name": name, "model": model, "claimed_by": actor}
        found, is_new = Claim.objects.get_or_create(vendor=vendor, eui=eui, closed_at=None, defaults=about)
        if is_new:
            record(actor, "claim.made", subject=found, vendor_id=vendor.pk, eui=eui)
    return found


def decide_claims(chosen: ClaimQuerySet, *, actor: User, outcome: str, reason: str = "") -> Decided:
    """Register what is claimed, or refuse it with a reason that the vendors read."""
    if not actor.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator decides about claims.")
    if outcome == Outcome.REFUSED and not reason.strip():
        raise Refused("reason-needed", "Say why: whoever asked reads these words.", field="reason")
    with transaction.atomic():
        claims = list(chosen.waiting().select_for_update(of=("self",)).select_related("vendor").order_by("pk")[:MOST])
        if not claims:
            raise Refused("claims-closed", "These claims were decided already. Reload the page to see how.")
        _refuse_collisions(claims)
        taken = _taken(claims) if outcome == Outcome.REGISTERED else set()
        done = [each for each in claims if each.eui not in taken]
        if outcome == Outcome.REGISTERED:
            _register(done, actor)
        _close(done, actor, outcome, reason)
        _close([each for each in claims if each.eui in taken], actor, Outcome.REFUSED, "Registered meanwhile.")
        _tell(claims, actor)
    return Decided(len(done), len(claims) - len(done))


def withdraw_claim(chosen: Claim, *, actor: User) -> None:
    """Take back what one asked for."""
    refuse_foreign(actor, chosen.vendor)
    with transaction.atomic():
        if not Claim.objects.waiting().filter(pk=chosen.pk).delete()[0]:
            raise Refused("claims-closed", "This claim was decided already. Reload the page to see how.")
        record(actor, "claim.withdrawn", subject=chosen, vendor_id=chosen.vendor_id, eui=chosen.eui)


def settle_own(vendor: Vendor, euis: Sequence[str], *, actor: User) -> None:
    """Close the claims of a vendor on what was registered for it meanwhile, in the caller's transaction."""
    own = Claim.objects.waiting().filter(vendor=vendor, eui__any_of=euis)
    own.update(closed_at=clock.now(), closed_by=actor, outcome=Outcome.REGISTERED)


def _taken(claims: Sequence[Claim]) -> set[str]:
    """What is registered by now."""
    found = Gateway.objects.filter(eui__any_of=[each.eui for each in claims])
    return set(found.values_list("eui", flat=True))


def _refuse_collisions(claims: Sequence[Claim]) -> None:
    """Who of two gets an EUI is a question of its own."""
    eui, count = Counter(each.eui for each in claims).most_common(1)[0]
    if count > 1:
        raise Refused("claims-collide", f"{eui} is claimed by {count} vendors. Decide that one first, by itself.")


def _register(claims: Iterable[Claim], actor: User) -> None:
    rows = [
        Gateway(eui=each.eui, vendor=each.vendor, name=each.name, model=each.model, registered_by=each.claimed_by)
        for each in claims
    ]
    made = Gateway.objects.bulk_create(rows)
    record_many(actor, "gateway.registered", [Act("gateway", row.pk, row.eui, row.vendor_id, {}) for row in made])


def _close(claims: Sequence[Claim], actor: User, outcome: str, reason: str) -> None:
    pks = [each.pk for each in claims]
    ended = {"closed_at": clock.now(), "closed_by": actor, "outcome": outcome, "reason": reason}
    Claim.objects.filter(pk__any_of=pks).update(**ended)
    for each in claims:
        each.outcome, each.reason = outcome, reason
    details = {"outcome": outcome, "reason": reason}
    acts = [Act("claim", each.pk, str(each), each.vendor_id, {**details, "eui": each.eui}) for each in claims]
    record_many(actor, "claim.closed", acts)


def _tell(claims: Iterable[Claim], actor: User) -> None:
    """One mail for each of a vendor's people and contacts."""
    by_vendor: defaultdict[Vendor, list[Claim]] = defaultdict(list)
    for each in claims:
        by_vendor[each.vendor].append(each)
    deployment = Deployment.objects.first()
    for vendor, own in by_vendor.items():
        registered = [each.eui for each in own if each.outcome == Outcome.REGISTERED]
        refused = [each for each in own if each.outcome == Outcome.REFUSED]
        context = {
            "deployment": deployment.name if deployment else "",
            "vendor": vendor.name,
            "registered": registered[:NAMED],
            "registered_count": len(registered),
            "refused": refused[:NAMED],
            "refused_count": len(refused),
            "decided_by": actor.name,
            "url": f"{settings.PUBLIC_URL}{reverse('gateways:claims')}",
        }
        for address in recipients.for_vendor(vendor):
            key = f"claims_decided:{own[0].pk}:{len(own)}:{address}"
            queue_mail(key=key, to=address, template="claims_decided", context=context, reply_to=vendor.reply_to)
