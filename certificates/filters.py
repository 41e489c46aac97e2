"""The filters of certificates and requests: for lists and exports."""

from datetime import UTC, date, datetime, time
from typing import Any

import django_filters
from django import forms
from django.db.models import F, Q

from accounts.models import Vendor
from cas.models import Authority
from certificates.models import Certificate, CertificateQuerySet, Request, RequestQuerySet, Standing
from core import clock
from pki.errors import PkiError
from pki.eui import read_eui

SELECT = forms.Select(attrs={"class": "form-select"})
CURRENT = "current"
CERTIFICATE_SORTS = {"ends": "not_after", "made": "id"}
REQUEST_SORTS = {"made": "id"}


class _Midnight(django_filters.DateFilter):  # type: ignore[misc]  # django-filter publishes no types
    """A day, compared by its first second in UTC."""

    def filter(self, queryset: Any, value: date | None) -> Any:
        return super().filter(queryset, datetime.combine(value, time(), UTC) if value else None)


def _search() -> Any:
    attributes = {"class": "form-control", "placeholder": "EUI or serial", "autocomplete": "off"}
    return django_filters.CharFilter(method="search", label="EUI or serial", widget=forms.TextInput(attrs=attributes))


def _day(lookup: str, label: str) -> Any:
    widget = forms.DateInput(attrs={"type": "date", "class": "form-control"})
    return _Midnight(field_name="not_after", lookup_expr=lookup, label=label, widget=widget)


def _vendors() -> Any:
    return django_filters.ModelChoiceFilter(queryset=Vendor.objects.all(), empty_label="Any vendor", widget=SELECT)


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
        widget=SELECT,
    )
    vendor = _vendors()
    authority = django_filters.ModelChoiceFilter(
        label="Authority",
        queryset=lambda request: Authority.objects.visible_to(request.user).for_fleet().only("name").order_by("name"),
        empty_label="Any authority",
        widget=SELECT,
    )
    origin = django_filters.ChoiceFilter(choices=Certificate.Origin, empty_label="Any origin", widget=SELECT)
    ends_after = _day("gte", "Ends on or after")
    ends_before = _day("lt", "Ends before")

    class Meta:
        model = Certificate
        fields: list[str] = []

    def search(self, queryset: Any, _name: str, text: str) -> Any:
        return queryset.filter(_meant(text) | Q(serial=text.strip().lower().replace(":", "").lstrip("0")))

    def stand(self, queryset: Any, _name: str, standing: str) -> Any:
        now = clock.now()
        if standing == CURRENT:
            return queryset.current(now)
        return queryset.standing(standing, now)


class RequestFilter(_Scoped):
    q = django_filters.CharFilter(
        method="search",
        label="EUI or name",
        widget=forms.TextInput(attrs={"class": "form-control", "placeholder": "EUI or name", "autocomplete": "off"}),
    )
    state = django_filters.ChoiceFilter(choices=Request.State, label="State", empty_label="Any state", widget=SELECT)
    vendor = _vendors()

    class Meta:
        model = Request
        fields: list[str] = []

    def search(self, queryset: Any, _name: str, text: str) -> Any:
        return queryset.filter(_meant(text))


def _meant(text: str) -> Q:
    try:
        return Q(gateway__eui=read_eui(text).eui)
    except PkiError:
        digits = "".join(char for char in text.upper() if char in "0123456789ABCDEF")
        by_name = Q(gateway__name__icontains=text.strip(), gateway__vendor_id=F("vendor_id"))
        return by_name | Q(gateway__eui__contains=digits) if len(digits) >= 4 else by_name


def certificates(data: Any, *, request: Any) -> tuple[CertificateFilter, CertificateQuerySet]:
    chosen = CertificateFilter(data, queryset=Certificate.objects.visible_to(request.user), request=request)
    return chosen, chosen.qs


def requests(data: Any, *, request: Any) -> tuple[RequestFilter, RequestQuerySet]:
    chosen = RequestFilter(data, queryset=Request.objects.visible_to(request.user), request=request)
    return chosen, chosen.qs
