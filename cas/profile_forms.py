"""What operators type about profiles."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django import forms

from core.errors import Refused
from core.forms import StyledForm
from pki.profiles import CA_KEY_USAGES, KEY_TYPES, LEAF_KEY_USAGES, LEAF_USAGES, Naming, Profile

_DAYS = re.compile(r"\d{1,5}", re.ASCII)


class ProfileForm(StyledForm):
    """The next version of a profile, or the first of another one like it."""

    name = forms.CharField(max_length=40, help_text="Small letters and digits, as gateway-short. It stays.")
    lifetimes = forms.CharField(label="Lifetimes in days", max_length=100, help_text="To choose from, as 90, 365.")
    renew_at = forms.IntegerField(
        label="Renew after, per cent of a life", min_value=10, max_value=95, help_text="67 is two thirds."
    )
    key_types = forms.MultipleChoiceField(
        label="Keys", choices=[(each, each) for each in KEY_TYPES], widget=forms.CheckboxSelectMultiple
    )
    key_usage = forms.MultipleChoiceField(label="Key usage", widget=forms.CheckboxSelectMultiple)
    extended_key_usage = forms.MultipleChoiceField(
        label="Extended key usage",
        choices=[(each, each) for each in LEAF_USAGES],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    path_length = forms.IntegerField(label="Path length, unless chosen otherwise", min_value=0, max_value=3)
    wildcards = forms.BooleanField(label="Wildcards, as *.example.net", required=False)
    local_names = forms.BooleanField(label="Names without a dot, as localhost", required=False)
    is_offered = forms.BooleanField(label="Offered for new certificates", required=False)
    note = forms.CharField(
        label="Why", max_length=300, required=False, help_text="Stays with this version, for whoever wonders later."
    )

    seen = forms.IntegerField(widget=forms.HiddenInput, min_value=1)  # the version that this one is to follow

    def __init__(self, *args: Any, like: Profile, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, initial=_values(like, is_new=is_new), **kwargs)
        self._like, self._is_new = like, is_new
        usages = CA_KEY_USAGES if like.is_ca else LEAF_KEY_USAGES
        self.fields["key_usage"].choices = [(each, each) for each in usages]  # type: ignore[attr-defined]
        for name in _without(like, is_new=is_new):
            self.fields.pop(name)

    def profile(self) -> Profile:
        """What was typed; its version is given when it is saved. Raises Refused."""
        data, like = self.cleaned_data, self._like
        return replace(
            like,
            name=data["name"] if self._is_new else like.name,
            lifetimes=_lifetimes(data["lifetimes"]),
            renew_at=data.get("renew_at", like.renew_at),
            key_types=frozenset(data["key_types"]),
            key_usage=frozenset(data["key_usage"]),
            extended_key_usage=frozenset(data["extended_key_usage"]),
            path_length=data.get("path_length", like.path_length),
            wildcards=data.get("wildcards", like.wildcards),
            local_names=data.get("local_names", like.local_names),
            is_offered=data.get("is_offered", like.is_offered),
        )


def _values(profile: Profile, *, is_new: bool) -> dict[str, Any]:
    return {
        "name": "" if is_new else profile.name,
        "seen": profile.version,
        "lifetimes": ", ".join(map(str, profile.days)),
        "renew_at": profile.renew_at,
        "key_types": sorted(profile.key_types),
        "key_usage": sorted(profile.key_usage),
        "extended_key_usage": sorted(profile.extended_key_usage),
        "path_length": profile.path_length,
        "wildcards": profile.wildcards,
        "local_names": profile.local_names,
        "is_offered": profile.is_offered,
    }


def _without(profile: Profile, *, is_new: bool) -> list[str]:
    """The fields that say nothing about this kind of certificate."""
    unwanted = ["seen"] if is_new else ["name"]
    unwanted += ["renew_at", "is_offered"] if profile.is_ca else ["path_length"]
    return unwanted if profile.naming == Naming.HOSTS else [*unwanted, "wildcards", "local_names"]


def _lifetimes(text: str) -> tuple[timedelta, ...]:
    words = text.replace(",", " ").split()
    if not words or not all(_DAYS.fullmatch(word) for word in words):
        raise Refused("lifetime-refused", "Write days as numbers, as in 90, 365.", field="lifetimes")
    return tuple(timedelta(days=int(word)) for word in words)
