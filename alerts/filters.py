"""The one filter of alerts: for the list, what is answered to many, and the API."""

import re
from datetime import datetime, timedelta
from typing import Any

import django_filters
from django.db import models
from django.db.models import Q

from accounts.models import User, Vendor
from alerts.models import Alert, AlertQuerySet, Kind
from cas.models import Authority
from core import clock
from core.filtering import ModelChoiceFilter, Select
from gateways.filters import picked, typed
from pki.eui import InvalidEui, read_eui

SORTS = {"ends": "not_after", "renew": "renew_by", "noticed": "noticed_at"}
DEFAULT_SORT = "ends"
WEEK, MONTH = timedelta(days=7), timedelta(days=30)
SEPARATORS = re.compile(r"[-:. ]")
MUTED, HEARD = "yes", "no"


class Urgency(models.TextChoices):
    """How near the end is; derived, never stored."""

    OVER = "over", "Ended"
    WEEK = "week", "Within 7 days"
    MONTH = "month", "Within 30 days"
    LATER = "later", "Later"


def ends_within(urgency: str, at: datetime) -> Q:
    """The condition on `not_after` for an urgency, seen at `at`."""
    return {
        Urgency.OVER: Q(not_after__lte=at),
        Urgency.WEEK: Q(not_after__gt=at, not_after__lte=at + WEEK),
        Urgency.MONTH: Q(not_after__gt=at + WEEK, not_after__lte=at + MONTH),
        Urgency.LATER: Q(not_after__gt=at + MONTH),
    }[Urgency(urgency)]


class AlertFilter(django_filters.FilterSet):  # type: ignore[misc]  # django-filter publishes no types
    q = django_filters.CharFilter(method="search", label="EUI or name", widget=typed("EUI or name"))
    kind = django_filters.ChoiceFilter(choices=Kind, label="Kind", empty_label="Any kind", widget=Select())
    vendor = ModelChoiceFilter(
        queryset=Vendor.objects.only("name"), label="Vendor", empty_label="Any vendor", widget=Select()
    )
    urgency = django_filters.ChoiceFilter(
        choices=Urgency, method="urgent", label="End", empty_label="Any end", widget=Select()
    )
    authority = ModelChoiceFilter(
        label="Authority",
        queryset=lambda request: Authority.objects.visible_to(request.user).for_fleet().only("name").order_by("name"),
        empty_label="Any authority",
        widget=Select(),
    )
    muted = django_filters.ChoiceFilter(
        choices=[(MUTED, "Muted"), (HEARD, "Not muted")],
        method="mute",
        label="Mails",
        empty_label="Muted or not",
        widget=Select(),
    )
    threshold = django_filters.CharFilter(label="Threshold", widget=typed("30d", maxlength="20"))  # where a mail leads

    more = ("authority", "muted", "threshold")

    class Meta:
        model = Alert
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.request.user.is_vendor:
            self.filters.pop("vendor")

    def search(self, queryset: Any, _name: str, text: str) -> Any:
        named = Q(name__icontains=text) | Q(label__icontains=text)
        return queryset.filter(named | Q(name__istartswith=_eui_or_part(text)))

    def urgent(self, queryset: Any, _name: str, urgency: str) -> Any:
        return queryset.filter(ends_within(urgency, clock.now()))

    def mute(self, queryset: Any, _name: str, which: str) -> Any:
        now = clock.now()
        return queryset.muted_at(now) if which == MUTED else queryset.exclude(muted_until__gt=now)


class StatedAlertFilter(AlertFilter):
    """With the state, for the API: pages have a tab for each."""

    state = django_filters.ChoiceFilter(choices=Alert.State, label="State")


def state_of(data: Any) -> str:
    """The tab that an address names; the open ones where it names none."""
    state = data.get("state", "")
    return state if state in Alert.State.values else Alert.State.OPEN.value


def filtered(data: Any, *, request: Any) -> tuple[AlertFilter, AlertQuerySet]:
    """The filter with its form, and the alerts of any state that the person may see and asked for."""
    user: User = request.user
    chosen = AlertFilter(data, queryset=Alert.objects.visible_to(user), request=request)
    return chosen, chosen.qs


def selected(data: Any, *, request: Any) -> AlertQuerySet:
    """The alerts that something is to be done to: those of the tab that were ticked, or all that match. None where a
    part of the filter is not understood: the rest would mean more than the person saw."""
    chosen, alerts = filtered(data, request=request)
    if not chosen.is_valid():
        return alerts.none()
    return picked(alerts.filter(state=state_of(data)), data)  # type: ignore[no-any-return]  # of whatever rows


def _eui_or_part(text: str) -> str:
    """Digits of an EUI in whatever notation, as they are kept."""
    try:
        return read_eui(text).eui
    except InvalidEui:
        return SEPARATORS.sub("", text).upper() or text
