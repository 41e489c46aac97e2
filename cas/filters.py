"""The one filter of authorities."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from accounts.models import User, Vendor
from cas.models import Authority
from core import clock
from core.filtering import ModelChoiceFilter, Select, TextInput

SORTS = {"name": "name", "ends": "not_after", "new": "submitted_at"}
DEFAULT_SORT = "-new"
ENDS = [("over", "Ended"), *((str(days), f"Ends within {days} days") for days in (30, 90, 180, 365))]


class AuthorityFilter(django_filters.FilterSet):  # type: ignore[misc]  # django-filter publishes no types
    q = django_filters.CharFilter(
        method="search",
        label="Name or fingerprint",
        widget=TextInput(attrs={"class": "form-control", "placeholder": "Name or fingerprint", "autocomplete": "off"}),
    )
    vendor = ModelChoiceFilter(queryset=Vendor.objects.only("name"), empty_label="Any vendor", widget=Select())
    state = django_filters.ChoiceFilter(
        choices=Authority.State, label="State", empty_label="Any state", widget=Select()
    )
    origin = django_filters.ChoiceFilter(
        choices=Authority.Origin, label="Origin", empty_label="Any origin", widget=Select()
    )
    ends = django_filters.ChoiceFilter(
        choices=ENDS, method="ending", label="End", empty_label="Any end", widget=Select()
    )

    class Meta:
        model = Authority
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.request.user.is_vendor:
            self.filters.pop("vendor")

    def search(self, queryset: Any, _name: str, text: str) -> Any:
        return queryset.matching(text)

    def ending(self, queryset: Any, _name: str, within: str) -> Any:
        now = clock.now()
        return queryset.ended_at(now) if within == "over" else queryset.ending_within(int(within), now)


def filtered(data: Any, *, request: Any) -> "tuple[AuthorityFilter, QuerySet[Authority]]":
    """The filter with its form, and the authorities that the person may see and asked for."""
    user: User = request.user
    chosen = AuthorityFilter(data, queryset=Authority.objects.visible_to(user).listed(), request=request)
    return chosen, chosen.qs
