"""Gateways that are off the air, or will be."""

from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet
from django.urls import reverse

from accounts.models import User
from cas.models import Authority
from certadmin.overview.forecast import current
from certadmin.overview.todo import Todo, plural
from certificates.models import Certificate
from core.templatetags.ui import day, utc
from gateways.models import SOON, Gateway, Standing
from trust.models import COMMON, Membership

DAY = timedelta(days=1)
AUTHORITY_HORIZON = SOON  # what the list of gateways calls soon
CERTIFICATE_HORIZON = 14 * DAY
URGENT = 14 * DAY
NEWS = 14 * DAY
AUTHORITIES = 3


def lost(user: User, now: datetime) -> list[Todo]:
    """Gateways whose certificate has ended: the network server refuses them."""
    off = Gateway.objects.visible_to(user).filter(current_not_after__lte=now)
    count, latest = _count_and(off.order_by("-current_not_after").values_list("current_not_after", flat=True))
    if not count:
        return []
    verb = "is" if count == 1 else "are"
    return [
        Todo(
            tone="bad",
            icon="circle-x",
            title=f"{plural(count, 'gateway')} {verb} refused: the certificate has ended",
            text=f"The last one ended {utc(latest)}. A new certificate brings each back.",
            action=f"See the {plural(count, 'gateway')}" if count > 1 else "See the gateway",
            url=_gateways(state=Standing.EXPIRED.value),
        )
    ]


def authorities(user: User, now: datetime) -> list[Todo]:
    """Authorities that take gateways off the air when they end."""
    falling = (
        Gateway.objects.visible_to(user)
        .filter(current_authority__not_after__lte=now + AUTHORITY_HORIZON, current_not_after__gt=now)
        .order_by()
        .values_list("current_authority", "current_authority__name", "current_authority__not_after")
        .annotate(count=Count("pk"))
        .order_by("current_authority__not_after")[:AUTHORITIES]
    )
    return [_falling(pk, name, ends, count, now) for pk, name, ends, count in falling]


def _falling(pk: int | None, name: str, ends: Any, count: int, now: datetime) -> Todo:
    verb = "loses" if count == 1 else "lose"
    return Todo(
        tone="bad" if ends - now <= URGENT else "warn",
        icon="circle-x" if ends - now <= URGENT else "alert-triangle",
        title=f"{plural(count, 'gateway')} {verb} access {_in(ends - now)}",
        text=f"{name} ends {utc(ends)}. Only a certificate of another authority keeps them.",
        action=f"See the {plural(count, 'gateway')}" if count > 1 else "See the gateway",
        url=_gateways(authority=pk, state=Standing.SOON.value),
    )


def certificates(user: User, now: datetime) -> list[Todo]:
    """Certificates that end within two weeks, nothing following them."""
    until = datetime.combine(now.date(), time(), now.tzinfo) + CERTIFICATE_HORIZON + DAY
    found = current(user, now, until=until).aggregate(count=Count("pk"), first=Min("not_after"))
    if not found["count"]:
        return []
    query = {"ends_after": f"{now:%Y-%m-%d}", "ends_before": f"{until:%Y-%m-%d}", "state": "current"}
    verb = "ends" if found["count"] == 1 else "end"
    return [
        Todo(
            tone="warn",
            icon="clock",
            title=f"{plural(found['count'], 'certificate')} {verb} within {CERTIFICATE_HORIZON.days} days",
            text=f"The first on {utc(found['first'])}. No successor is there yet.",
            action="See them" if found["count"] > 1 else "See it",
            url=f"{reverse('certificates:list')}?{urlencode(query)}",
        )
    ]


def untrusted(user: User, now: datetime) -> list[Todo]:
    """Approved authorities that no operator put into the trust group, although gateways or a fresh decision wait."""
    if not user.is_operator:
        return []
    member = Membership.objects.present().filter(group__name=COMMON, authority=OuterRef("pk"))
    waiting = (
        Authority.objects.approved()
        .valid_at(now)
        .for_fleet()
        .filter(~Exists(member))
        .exclude(origin=Authority.Origin.OPERATED, is_root=True)
        .annotate(gateways=Count("current_gateways", filter=Q(current_gateways__current_not_after__gt=now)))
        .filter(Q(gateways__gt=0) | Q(decided_at__gt=now - NEWS))
        .order_by("-gateways")
        .values_list("pk", "name", "gateways")
    )
    return _untrusted(list(waiting))


def _untrusted(waiting: list[tuple[int, str, int]]) -> list[Todo]:
    if not waiting:
        return []
    pk, name, _ = waiting[0]
    gateways = sum(count for _, _, count in waiting)
    one = len(waiting) == 1
    consequence = f"{plural(gateways, 'gateway')} cannot connect until then." if gateways else "No gateway waits yet."
    return [
        Todo(
            tone="warn" if gateways else "idle",
            icon="shield-x",
            title=f"{name} is not trusted yet" if one else f"{len(waiting)} approved authorities are not trusted yet",
            text=f"Approved, and not in the group {COMMON}. {consequence}",
            action="Look at it" if one else "Look at them",
            url=reverse("cas:detail", args=[pk]) if one else f"{reverse('cas:list')}?state=approved",
        )
    ]


def without_certificate(user: User, now: datetime) -> list[Todo]:
    """A vendor's gateways that never had a certificate and have not asked for one."""
    bare = Gateway.objects.visible_to(user).in_use().filter(current_not_after__isnull=True)
    count = 0 if user.sees_all else bare.exclude(requests__state="requested").count()
    if not count:
        return []
    verb = "has" if count == 1 else "have"
    return [
        Todo(
            tone="idle",
            icon="file-certificate",
            title=f"{plural(count, 'gateway')} {verb} no certificate yet",
            text="The network server refuses a gateway without one.",
            action="Choose a gateway" if count > 1 else "Open it",
            url=_gateways(state=Standing.NONE.value),
        )
    ]


def keys_to_collect(user: User, now: datetime) -> list[Todo]:
    """Private keys made here that a vendor has not fetched: they are destroyed when their time is over."""
    if user.sees_all:
        return []
    waiting = Certificate.objects.visible_to(user).filter(
        key__isnull=False, key_confirmed_at__isnull=True, key_until__gt=now, revoked_at__isnull=True
    )
    count, first = _count_and(waiting.order_by("key_until").values_list("pk", "key_until"))
    if not count:
        return []
    pk, until = first
    verb = "waits" if count == 1 else "wait"
    return [
        Todo(
            tone="warn",
            icon="key",
            title=f"{plural(count, 'private key')} {verb} to be fetched",
            text=f"Made here, and destroyed for good from {day(until)} on.",
            action="Fetch the first" if count > 1 else "Fetch it",
            url=reverse("certificates:detail", args=[pk]),
        )
    ]


def _count_and(rows: "QuerySet[Any, Any]") -> tuple[int, Any]:
    count = rows.order_by().count()
    return count, rows.first() if count else None


def _in(left: timedelta) -> str:
    return f"in {plural(left // DAY, 'day')}" if left >= DAY else "today"


def _gateways(**query: object) -> str:
    return f"{reverse('gateways:list')}?{urlencode(query)}"
