"""What the audit page and its export can be narrowed to."""

from datetime import UTC, date, datetime, time, timedelta

import django_filters
from django.db.models import Max

from audit.models import Record, RecordQuerySet
from audit.sentences import SENTENCES, in_words
from core.filtering import DateInput, Select, TextInput

TEXT = {"class": "form-control", "autocomplete": "off"}
ACTIONS = sorted(((action, in_words(action)) for action in SENTENCES), key=lambda choice: choice[1])
DAY = {"class": "form-control", "type": "date"}


def _vendors() -> list[tuple[str, str]]:
    """Every vendor that the record knows, under the latest name that it has there."""
    named = Record.objects.filter(subject_kind="vendor")
    latest = named.order_by().values("subject_id").annotate(last=Max("pk")).values("last")
    return [(row.subject_id, row.subject_name) for row in named.filter(pk__in=latest).order_by("subject_name")]


class RecordFilter(django_filters.FilterSet):  # type: ignore[misc]  # django-filter publishes no types
    subject = django_filters.CharFilter(
        "subject_name", "icontains", label="About", widget=TextInput({**TEXT, "placeholder": "About what"})
    )
    who = django_filters.CharFilter(
        "actor_name", "icontains", label="Who", widget=TextInput({**TEXT, "placeholder": "Who", "size": 12})
    )
    action = django_filters.CharFilter("action", label="What", widget=Select([("", "Anything done"), *ACTIONS]))
    vendor = django_filters.ChoiceFilter(
        field_name="vendor_id",
        label="Vendor",
        choices=_vendors,
        empty_label="Any vendor",
        widget=Select(),
    )
    since = django_filters.DateFilter("at", method="from_day", label="From", widget=DateInput(DAY, "%Y-%m-%d"))
    until = django_filters.DateFilter("at", method="to_day", label="To", widget=DateInput(DAY, "%Y-%m-%d"))

    class Meta:
        model = Record
        fields: list[str] = []

    def from_day(self, records: RecordQuerySet, name: str, day: date) -> RecordQuerySet:
        return records.filter(at__gte=_midnight(day))

    def to_day(self, records: RecordQuerySet, name: str, day: date) -> RecordQuerySet:
        return records if day == date.max else records.filter(at__lt=_midnight(day + timedelta(days=1)))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
