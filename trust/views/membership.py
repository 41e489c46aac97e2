"""Whether an authority is trusted: a part of the authority's page."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import SignedInRequest, allowed
from cas.models import Authority
from core.forms import attempt
from core.pages import page
from trust.forms import NameForm
from trust.models import Membership, Publication
from trust.services import groups, releases


@require_GET
@allowed("read")
def authority_membership(request: SignedInRequest, pk: int) -> HttpResponse:
    authority = get_object_or_404(Authority.objects.visible_to(request.user), pk=pk)
    return page(request, "trust/_membership.html", _standing(authority))


def _standing(authority: Authority) -> dict[str, object]:
    group = groups.common()
    latest = releases.latest(group)
    is_released = bool(latest and latest.authorities.filter(pk=authority.pk).exists())
    states = set(latest.publications.values_list("state", flat=True)) if latest else set()
    return {
        "authority": authority,
        "group": group,
        "membership": Membership.objects.filter(group=group, authority=authority).first(),
        "latest": latest,
        "is_released": is_released,
        "is_stored": is_released and states == {Publication.State.PUBLISHED.value},
    }


@require_POST
@allowed("operate")
def add(request: SignedInRequest, pk: int) -> HttpResponse:
    authority = get_object_or_404(Authority.objects.visible_to(request.user), pk=pk)
    groups.add_to_group(request.user, groups.common(), authority)
    messages.success(request, f"{authority.name} goes into the next release of common. Publish it when you are ready.")
    return redirect("cas:detail", authority.pk)


@require_http_methods(["GET", "POST"])
@allowed("operate")
def remove(request: SignedInRequest, pk: int) -> HttpResponse:
    """First what it takes off the air, then the act."""
    authority = get_object_or_404(Authority.objects.visible_to(request.user), pk=pk)
    form = NameForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _removed(request, authority, form):
        messages.success(request, f"{authority.name} leaves with the next release of common.")
        return redirect("cas:detail", authority.pk)
    context = {"authority": authority, "impact": groups.impact_of(authority), "form": form}
    return page(request, "trust/remove.html", context)


def _removed(request: SignedInRequest, authority: Authority, form: NameForm) -> bool:
    typed = form.cleaned_data["name"]
    attempt(form, lambda: groups.remove_from_group(request.user, groups.common(), authority, typed_name=typed))
    return not form.errors
