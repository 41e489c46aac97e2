"""The one filter of gateways: for the list and its export."""

from typing import Any

import django_filters
from django import forms

from accounts.models import User, Vendor
from cas.models import Authority
from core import clock
from gateways.models import Gateway, GatewayQuerySet, Standing

SORTS = {"eui": "eui", "ends": "current_not_after"}
DEFAULT_SORT = "eui"


class GatewayFilter(django_filters.FilterSet):  # type: ignore[misc]  # django-filter publishes no types
    q = django_filters.CharFilter(
        method="search",
        label="EUI or name",
        widget=forms.TextInput(attrs={"class": "form-control", "placeholder": "EUI or name", "autocomplete": "off"}),
    )
    vendor = django_filters.ModelChoiceFilter(
        queryset=Vendor.objects.all(), empty_label="Any vendor", widget=forms.Select(attrs={"class": "form-select"})
    )
    authority = django_filters.ModelChoiceFilter(
        field_name="current_authority",
        label="Authority",
        queryset=lambda request: Authority.objects.visible_to(request.user).for_fleet().only("name").order_by("name"),
        empty_label="Any authority",
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    state = django_filters.ChoiceFilter(
        choices=Standing,
        method="stand",
        label="State",
        empty_label="Any state",
        widget=forms.Select(attrs={"class": "form-select"}),
    )

    class Meta:
        model = Gateway
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.request.user.is_vendor:
            self.filters.pop("vendor")

    def search(self, queryset: Any, _name: str, text: str) -> Any:
        return queryset.matching(text)

    def stand(self, queryset: Any, _name: str, standing: str) -> Any:
        return queryset.standing(standing, clock.now())


def filtered(data: Any, *, request: Any) -> tuple[GatewayFilter, GatewayQuerySet]:
    """The filter with its form, and the gateways that the person may see and asked for."""
    user: User = request.user
    chosen = GatewayFilter(data, queryset=Gateway.objects.visible_to(user), request=request)
    return chosen, chosen.qs
