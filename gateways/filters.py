"""The one filter of gateways: for the list, its export, what is done to many, and the API."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import django_filters
from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Q

from accounts.models import User, Vendor
from cas.models import Authority
from cas.services.profiles import offered
from core import clock
from core.filtering import ModelChoiceFilter, NumberInput, Select, TextInput
from gateways.models import EuiBlock, Gateway, GatewayQuerySet, Standing, Tag
from pki.errors import PkiError
from pki.eui_blocks import Block, read_block
from pki.profiles import Naming

SORTS = {"eui": "eui", "ends": "current_not_after", "seen": "last_seen_at"}
DEFAULT_SORT = "eui"
OTHERS = "own-ca"  # the profile of what their vendors' own authorities issued
MOST_PICKED = 1_000
MOST_DAYS = 36_500
SEEN = [
    ("1", "Within 24 hours"),
    ("7", "Within 7 days"),
    ("30", "Within 30 days"),
    ("over-1", "Not within 24 hours"),
    ("over-7", "Not within 7 days"),
    ("over-30", "Not within 30 days"),
    ("over-90", "Not within 90 days"),
    ("unknown", "Not known"),
]
NEVER = "never"
CHOOSING = (  # what in the list's address says which gateways are meant
    "q", "vendor", "state", "authority", "profile", "block", "model", "tag", "days_min", "days_max", "seen",
    "certified", "pick", "everything",
)  # fmt: skip


def typed(placeholder: str, **attributes: str) -> TextInput:
    words = {"class": "form-control", "placeholder": placeholder, "autocomplete": "off", **attributes}
    return TextInput(attrs=words)


class _BlockField(forms.CharField):
    """Digits that EUIs begin with, in any notation of a block."""

    def clean(self, value: Any) -> Block | None:
        text = super().clean(value)
        try:
            return read_block(text) if text else None
        except PkiError as error:
            raise forms.ValidationError(error.message) from None


class BlockFilter(django_filters.Filter):  # type: ignore[misc]  # django-filter publishes no types
    field_class = _BlockField

    def filter(self, queryset: Any, block: Block | None) -> Any:
        if block is None:
            return queryset
        return queryset.filter(**{f"{self.field_name}__gte": block.first, f"{self.field_name}__lte": block.last})


def days(label: str, method: str) -> Any:
    """A number of whole days that are left, as the list shows them."""
    widget = NumberInput(attrs={"class": "form-control", "min": -MOST_DAYS, "max": MOST_DAYS, "step": 1})
    limits = [MinValueValidator(-MOST_DAYS), MaxValueValidator(MOST_DAYS)]
    return _DaysFilter(method=method, label=label, widget=widget, validators=limits)


class _DaysFilter(django_filters.Filter):  # type: ignore[misc]  # as above
    field_class = forms.IntegerField


def profiles(_request: Any = None) -> list[tuple[str, str]]:
    ours = [(profile.name, profile.name) for profile in offered(Naming.EUI)]
    return [*ours, (OTHERS, "None: of its vendor's own CA")]


def when_seen(when: str, column: str) -> Q:
    """One of `SEEN`, of the instant in `column`."""
    if when == "unknown":
        return Q(**{f"{column}__isnull": True})
    since = clock.now() - timedelta(days=int(when.removeprefix("over-")))
    return Q(**{f"{column}__{'lt' if when.startswith('over-') else 'gte'}": since})


def tags_named(name: str, user: User) -> list[int]:
    """The ids of the tags of this name: looked up first, so that the planner knows how many gateways have them."""
    return list(Tag.objects.visible_to(user).named([name.strip()]).values_list("pk", flat=True))


class GatewayFilter(django_filters.FilterSet):  # type: ignore[misc]  # as above
    q = django_filters.CharFilter(method="search", label="EUI or name", widget=typed("EUI or name"))
    vendor = ModelChoiceFilter(
        queryset=Vendor.objects.only("name"), label="Vendor", empty_label="Any vendor", widget=Select()
    )
    state = django_filters.ChoiceFilter(
        choices=Standing, method="stand", label="State", empty_label="Any state", widget=Select()
    )
    authority = ModelChoiceFilter(
        field_name="current_authority",
        label="Authority",
        queryset=lambda request: Authority.objects.visible_to(request.user).for_fleet().only("name").order_by("name"),
        empty_label="Any authority",
        widget=Select(),
    )
    profile = django_filters.ChoiceFilter(
        choices=profiles, method="issue", label="Profile", empty_label="Any profile", widget=Select()
    )
    block = BlockFilter(field_name="eui", label="EUI block", widget=typed("58A0CB", list="known-blocks"))
    model = django_filters.CharFilter(label="Model", widget=typed("", list="known-models", maxlength="80"))
    tag = django_filters.CharFilter(method="tagged", label="Tag", widget=typed("", list="known-tags", maxlength="40"))
    days_min = days("Days left, at least", "last_at_least")
    days_max = days("Days left, at most", "last_at_most")
    seen = django_filters.ChoiceFilter(
        choices=SEEN, method="see", label="Last seen", empty_label="At any time", widget=Select()
    )
    certified = django_filters.ChoiceFilter(
        choices=[(NEVER, "Never had one")],
        method="certify",
        label="Certificates",
        empty_label="Whether or not it had one",
        widget=Select(),
    )

    more = ("authority", "profile", "block", "model", "tag", "days_min", "days_max", "seen", "certified")

    class Meta:
        model = Gateway
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.request.user.is_vendor:
            self.filters.pop("vendor")

    def filter_queryset(self, queryset: Any) -> Any:
        """What is retired is left out unless it is asked for; what was picked by hand is chosen out of the rest."""
        found = super().filter_queryset(queryset)
        if self.form.cleaned_data.get("state") != Standing.RETIRED:
            found = found.in_use()
        return picked(found, self.data)

    def search(self, queryset: Any, _name: str, text: str) -> Any:
        return queryset.matching(text)

    def stand(self, queryset: Any, _name: str, standing: str) -> Any:
        return queryset.standing(standing, clock.now())

    def issue(self, queryset: Any, _name: str, profile: str) -> Any:
        if profile == OTHERS:
            return queryset.filter(current_profile="", current_authority__isnull=False)
        return queryset.filter(current_profile=profile)

    def tagged(self, queryset: Any, _name: str, name: str) -> Any:
        return queryset.tagged(tags_named(name, self.request.user))

    def last_at_least(self, queryset: Any, _name: str, number: int) -> Any:
        return queryset.filter(current_not_after__gte=clock.now() + timedelta(days=number))

    def last_at_most(self, queryset: Any, _name: str, number: int) -> Any:
        return queryset.filter(current_not_after__lt=clock.now() + timedelta(days=number + 1))

    def see(self, queryset: Any, _name: str, when: str) -> Any:
        return queryset.filter(when_seen(when, "last_seen_at"))

    def certify(self, queryset: Any, _name: str, _never: str) -> Any:
        return queryset.never_certified()


def filtered(data: Any, *, request: Any) -> tuple[GatewayFilter, GatewayQuerySet]:
    """The filter with its form, and the gateways that the person may see and asked for."""
    user: User = request.user
    chosen = GatewayFilter(data, queryset=Gateway.objects.visible_to(user), request=request)
    return chosen, chosen.qs


def selected(data: Any, *, request: Any) -> GatewayQuerySet:
    """The gateways that something is to be done to: none where a part of the filter is not understood, or chooses
    nothing any more, since the rest would mean more than the person saw."""
    chosen, gateways = filtered(data, request=request)
    return gateways if chosen.is_valid() else gateways.none()


@dataclass(frozen=True, slots=True)
class Proposals:
    """What one may write into filters: some of what there is."""

    blocks: list[str]
    models: list[str]
    tags: list[str]


def proposals(user: User) -> Proposals:
    """Three short looks, however many gateways there are: of the models, those of the first thousand."""
    first = Gateway.objects.visible_to(user).order_by("eui").values("model")[:1000]
    return Proposals(
        [str(block) for block in EuiBlock.objects.visible_to(user)[:100]],
        sorted({row["model"] for row in first} - {""}),
        sorted(set(Tag.objects.visible_to(user).values_list("name", flat=True)[:500])),
    )


def picked(rows: Any, data: Any) -> Any:
    """Those whose boxes were ticked; all of the filter with `everything`, or where none was."""
    given = data.getlist("pick") if hasattr(data, "getlist") else data.get("pick", [])
    if not given or data.get("everything"):
        return rows
    numbers = [int(each) for each in given if each.isascii() and each.isdecimal() and len(each) < 18]
    return rows.filter(pk__in=numbers[:MOST_PICKED]) if len(numbers) == len(given) else rows.none()
