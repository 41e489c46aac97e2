"""Whether an authority is trusted: a part of its page, and the two acts."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import SignedInRequest, allowed
from cas.models import Authority
from core.forms import attempt
from core.pages import page
from trust.forms import TypedForm
from trust.models import Membership
from trust.services import groups, releases


@require_GET
@allowed("read")
def membership(request: SignedInRequest, pk: int) -> HttpResponse:
    authority = get_object_or_404(Authority.objects.visible_to(request.user), pk=pk)
    group = groups.common()
    newest = releases.published_release(group)
    context = {
        "authority": authority,
        "group": group,
        "membership": Membership.objects.filter(group=group, authority=authority).select_related("added_by").first(),
        "newest": newest,
        "is_published": newest is not None and newest.authorities.filter(pk=authority.pk).exists(),
    }
    return page(request, "trust/_membership.html", context)


@require_POST
@allowed("operate")
def add(request: SignedInRequest, pk: int) -> HttpResponse:
    authority = get_object_or_404(Authority.objects.visible_to(request.user), pk=pk)
    group = groups.common()
    groups.add_to_group(request.user, group, authority)
    messages.success(request, f"{authority.name} is in {group.name}. The network learns of it with the next release.")
    return redirect("cas:detail", pk)


@require_http_methods(["GET", "POST"])
@allowed("operate")
def remove(request: SignedInRequest, pk: int) -> HttpResponse:
    """First what it takes off the air, then the act."""
    authority = get_object_or_404(Authority.objects.visible_to(request.user), pk=pk)
    form, group = TypedForm(request.POST or None), groups.common()
    if request.method == "POST" and form.is_valid():
        typed = form.cleaned_data["typed"]
        if attempt(form, lambda: groups.remove_from_group(request.user, group, authority, typed=typed)) is not None:
            messages.success(request, f"{authority.name} leaves {group.name} with the next release.")
            return redirect("cas:detail", pk)
    context = {"authority": authority, "group": group, "impact": groups.impact_of(authority), "form": form}
    return page(request, "trust/remove.html", context)
