"""The filters of certificates and requests: for lists and exports."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import django_filters
from django.db.models import Exists, F, OuterRef, Q

from accounts.models import Vendor
from cas.models import Authority
from certificates.models import Certificate, CertificateQuerySet, Request, RequestQuerySet, Standing
from core import clock
from core.filtering import DateInput, ModelChoiceFilter, Select, TextInput
from gateways.filters import SEEN, BlockFilter, days, picked, profiles, tags_named, typed, when_seen
from gateways.models import Gateway
from pki.errors import PkiError
from pki.eui import read_eui

CURRENT = "current"
CERTIFICATE_SORTS = {"ends": "not_after", "made": "id"}
REQUEST_SORTS = {"made": "id"}


class _Midnight(django_filters.DateFilter):  # type: ignore[misc]  # django-filter publishes no types
    """A day, compared by its first second in UTC."""

    def filter(self, queryset: Any, value: date | None) -> Any:
        return super().filter(queryset, datetime.combine(value, time(), UTC) if value else None)


def _search() -> Any:
    attributes = {"class": "form-control", "placeholder": "EUI or serial", "autocomplete": "off"}
    return django_filters.CharFilter(method="search", label="EUI or serial", widget=TextInput(attrs=attributes))


def _day(lookup: str, label: str) -> Any:
    widget = DateInput(attrs={"type": "date", "class": "form-control"})
    return _Midnight(field_name="not_after", lookup_expr=lookup, label=label, widget=widget)


def _vendors() -> Any:
    return ModelChoiceFilter(queryset=Vendor.objects.only("name"), empty_label="Any vendor", widget=Select())


class _Scoped(django_filters.FilterSet):  # type: ignore[misc]  # django-filter publishes no types
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.request.user.is_vendor:
            self.filters.pop("vendor")


class CertificateFilter(_Scoped):
    q = _search()
    state = django_filters.ChoiceFilter(
        choices=[(CURRENT, "Current"), *Standing.choices],
        method="stand",
        label="State",
        empty_label="Any state",
        widget=Select(),
    )
    vendor = _vendors()
    authority = ModelChoiceFilter(
        label="Authority",
        queryset=lambda request: Authority.objects.visible_to(request.user).for_fleet().only("name").order_by("name"),
        empty_label="Any authority",
        widget=Select(),
    )
    origin = django_filters.ChoiceFilter(
        choices=Certificate.Origin, label="Origin", empty_label="Any origin", widget=Select()
    )
    profile = django_filters.ChoiceFilter(
        choices=lambda: profiles()[:-1],
        field_name="request__profile",
        label="Profile",
        empty_label="Any profile",
        widget=Select(),
    )
    block = BlockFilter(field_name="gateway__eui", label="EUI block", widget=typed("58A0CB", list="known-blocks"))
    model = django_filters.CharFilter(
        method="of_model", label="Model", widget=typed("", list="known-models", maxlength="80")
    )
    tag = django_filters.CharFilter(method="tagged", label="Tag", widget=typed("", list="known-tags", maxlength="40"))
    days_min = days("Days left, at least", "last_at_least")
    days_max = days("Days left, at most", "last_at_most")
    seen = django_filters.ChoiceFilter(
        choices=SEEN, method="see", label="Last seen", empty_label="At any time", widget=Select()
    )
    ends_after = _day("gte", "Ends on or after")
    ends_before = _day("lt", "Ends before")

    more = (
        "authority", "origin", "profile", "block", "model", "tag", "days_min", "days_max", "seen", "ends_after",
        "ends_before",
    )  # fmt: skip

    class Meta:
        model = Certificate
        fields: list[str] = []

    def filter_queryset(self, queryset: Any) -> Any:
        """What was picked by hand is chosen out of the rest."""
        return picked(super().filter_queryset(queryset), self.data)

    def search(self, queryset: Any, _name: str, text: str) -> Any:
        return queryset.filter(_meant(text) | Q(serial=text.strip().lower().replace(":", "").lstrip("0")))

    def stand(self, queryset: Any, _name: str, standing: str) -> Any:
        now = clock.now()
        if standing == CURRENT:
            return queryset.current(now)
        return queryset.standing(standing, now)

    def of_model(self, queryset: Any, _name: str, model: str) -> Any:
        """A former owner learns nothing of what the new one wrote."""
        return queryset.filter(gateway__model=model, gateway__vendor_id=F("vendor_id"))

    def see(self, queryset: Any, _name: str, when: str) -> Any:
        """By when its gateway checked in, whatever it showed then."""
        return queryset.filter(when_seen(when, "gateway__last_seen_at"), gateway__vendor_id=F("vendor_id"))

    def tagged(self, queryset: Any, _name: str, name: str) -> Any:
        through = Gateway.tags.through.objects.filter(
            gateway_id=OuterRef("gateway_id"), tag_id__in=tags_named(name, self.request.user)
        )
        return queryset.filter(Exists(through))

    def last_at_least(self, queryset: Any, _name: str, number: int) -> Any:
        return queryset.filter(not_after__gte=clock.now() + timedelta(days=number))

    def last_at_most(self, queryset: Any, _name: str, number: int) -> Any:
        return queryset.filter(not_after__lt=clock.now() + timedelta(days=number + 1))


class RequestFilter(_Scoped):
    q = django_filters.CharFilter(
        method="search",
        label="EUI or name",
        widget=TextInput(attrs={"class": "form-control", "placeholder": "EUI or name", "autocomplete": "off"}),
    )
    state = django_filters.ChoiceFilter(choices=Request.State, label="State", empty_label="Any state", widget=Select())
    vendor = _vendors()

    class Meta:
        model = Request
        fields: list[str] = []

    def search(self, queryset: Any, _name: str, text: str) -> Any:
        return queryset.filter(_meant(text))


def _meant(text: str) -> Q:
    """By an EUI, whole in any notation or in part, or by a part of the gateway's name. A whole one means just it."""
    digits = "".join(char for char in text.upper() if char in "0123456789ABCDEF")
    part = Q(gateway__eui__contains=digits)
    try:
        whole = Q(gateway__eui=read_eui(text).eui)
        return whole if len(digits) >= 16 else whole | part
    except PkiError:
        by_name = Q(gateway__name__icontains=text.strip(), gateway__vendor_id=F("vendor_id"))
        return by_name | part if len(digits) >= 4 else by_name


def certificates(data: Any, *, request: Any) -> tuple[CertificateFilter, CertificateQuerySet]:
    chosen = CertificateFilter(data, queryset=Certificate.objects.visible_to(request.user), request=request)
    return chosen, chosen.qs


def selected_certificates(data: Any, *, request: Any) -> CertificateQuerySet:
    """Those that something is to be done to: none where a part of the filter is not understood."""
    chosen, rows = certificates(data, request=request)
    return rows if chosen.is_valid() else rows.none()


def requests(data: Any, *, request: Any) -> tuple[RequestFilter, RequestQuerySet]:
    chosen = RequestFilter(data, queryset=Request.objects.visible_to(request.user), request=request)
    return chosen, chosen.qs
