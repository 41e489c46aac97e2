"""The one filter of alerts."""

from datetime import datetime, timedelta
from typing import Any

import django_filters
from django import forms
from django.db import models
from django.db.models import Q, QuerySet

from accounts.models import User, Vendor
from alerts.models import Notice
from core import clock

SORTS = {"ends": "not_after", "noticed": "noticed_at"}
DEFAULT_SORT = "ends"
WEEK, MONTH = timedelta(days=7), timedelta(days=30)


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


def _select() -> forms.Select:
    return forms.Select(attrs={"class": "form-select"})


class NoticeFilter(django_filters.FilterSet):  # type: ignore[misc]  # django-filter publishes no types
    kind = django_filters.ChoiceFilter(
        choices=Notice.Kind, field_name="subject_kind", label="Kind", empty_label="Any kind", widget=_select()
    )
    vendor = django_filters.ModelChoiceFilter(queryset=Vendor.objects.all(), empty_label="Any vendor", widget=_select())
    urgency = django_filters.ChoiceFilter(
        choices=Urgency, method="urgent", label="End", empty_label="Any end", widget=_select()
    )
    threshold = django_filters.CharFilter(widget=forms.HiddenInput())  # where a mail leads

    class Meta:
        model = Notice
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.request.user.is_vendor:
            self.filters.pop("vendor")

    def urgent(self, queryset: Any, _name: str, urgency: str) -> Any:
        return queryset.filter(ends_within(urgency, clock.now()))


def filtered(data: Any, *, request: Any) -> "tuple[NoticeFilter, QuerySet[Notice]]":
    """The filter with its form, and the open notices that the person may see and asked for."""
    user: User = request.user
    open_notices = Notice.objects.visible_to(user).open_at(clock.now()).select_related("vendor")
    chosen = NoticeFilter(data, queryset=open_notices, request=request)
    return chosen, chosen.qs
