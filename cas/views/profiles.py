"""What certificates look like: the profiles, their versions, and new ones."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import SignedInRequest, allowed
from accounts.forms import in_words
from cas.profile_forms import ProfileForm
from cas.services.profiles import current_profile, current_profiles, save_profile, versions_of
from core.forms import attempt
from core.pages import page
from pki.errors import PkiError
from pki.profiles import FIXED, Naming, Profile, to_content

LABELS = {
    "lifetime_days": "Lifetimes",
    "renew_at": "Renewal",
    "key_types": "Keys",
    "key_usage": "Key usage",
    "extended_key_usage": "Extended key usage",
    "path_length": "Path length",
    "wildcards": "Wildcards",
    "local_names": "Names without a dot",
    "is_offered": "Offered",
}
KINDS = {Naming.EUI: "Gateways", Naming.HOSTS: "Servers"}


@require_GET
@allowed("read_all")
def list_profiles(request: SignedInRequest) -> HttpResponse:
    rows = [(profile, _kind(profile), _lives(profile.days)) for profile in current_profiles()]
    return page(request, "cas/profiles.html", {"rows": rows})


@require_GET
@allowed("read_all")
def detail(request: SignedInRequest, name: str) -> HttpResponse:
    profile = _profile(name)
    context = {
        "profile": profile,
        "kind": _kind(profile),
        "facts": [
            (LABELS[key], _words(key, value)) for key, value in to_content(profile).items() if _says(profile, key)
        ],
        "versions": _history(name),
        "is_fixed": name in FIXED,
    }
    return page(request, "cas/profile.html", context)


@require_http_methods(["GET", "POST"])
@allowed("operate_authorities")
def change(request: SignedInRequest, name: str) -> HttpResponse:
    """The next version."""
    return _form(request, _profile(name), is_new=False)


@require_http_methods(["GET", "POST"])
@allowed("operate_authorities")
def copy(request: SignedInRequest, name: str) -> HttpResponse:
    """Another profile like this one."""
    like = _profile(name)
    if like.is_ca:
        raise Http404
    return _form(request, like, is_new=True)


def _form(request: SignedInRequest, like: Profile, *, is_new: bool) -> HttpResponse:
    if like.name in FIXED:
        raise Http404
    form = ProfileForm(request.POST if request.method == "POST" else None, like=like, is_new=is_new)
    if form.is_valid():
        note, seen = form.cleaned_data["note"], form.cleaned_data.get("seen", 0)
        saved = attempt(form, lambda: save_profile(request.user, form.profile(), note=note, seen=seen))
        if saved:
            messages.success(request, f"{saved.name} version {saved.version} is saved. New requests use it.")
            return redirect("profiles:detail", saved.name)
    context = {"form": form, "profile": like, "is_new": is_new, "next": like.version + 1}
    return page(request, "cas/profile_form.html", context)


def _profile(name: str) -> Profile:
    try:
        return current_profile(name)
    except PkiError:
        raise Http404 from None


def _kind(profile: Profile) -> str:
    return KINDS.get(profile.naming, "Authorities" if profile.is_ca else "OCSP")


def _history(name: str) -> list[dict[str, Any]]:
    """The newest first, each with what it changed."""
    versions = versions_of(name)
    before: list[Profile | None] = [*(profile for profile, _ in versions[1:]), None]
    return [
        {"version": profile.version, "row": row, "changes": _changes(older, profile)}
        for (profile, row), older in zip(versions, before, strict=True)
    ]


def _changes(before: Profile | None, after: Profile) -> list[tuple[str, str, str]]:
    if before is None:
        return []
    old, new = to_content(before), to_content(after)
    return [(LABELS[key], _words(key, old[key]), _words(key, new[key])) for key in LABELS if old[key] != new[key]]


def _says(profile: Profile, key: str) -> bool:
    """Whether this says something about certificates of this kind."""
    if key in ("wildcards", "local_names"):
        return profile.naming == Naming.HOSTS
    if key in ("renew_at", "is_offered"):
        return profile.naming != Naming.TITLE
    return key in LABELS and (key != "path_length" or profile.is_ca)


def _lives(days: Sequence[int]) -> str:
    return ", ".join(in_words(each) for each in days)


def _words(key: str, value: Any) -> str:
    if key == "lifetime_days":
        return _lives(value)
    if key == "renew_at":
        return f"due after {value} % of a life"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none: restricts nothing"
    return "not said" if value is None else str(value)
