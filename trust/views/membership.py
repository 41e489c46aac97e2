"""Whether an authority is trusted, group by group: a part of its page, and the acts."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import SignedInRequest, allowed
from cas.models import Authority
from core.forms import attempt
from core.pages import page
from trust.forms import EndForm, TypedForm
from trust.models import COMMON, Group, Membership, Release
from trust.services import groups, releases
from trust.services.impact import affected_by


@dataclass(frozen=True, slots=True)
class Row:
    """Where an authority stands in one group."""

    group: Group
    membership: Membership | None
    newest: Release | None
    is_published: bool


@require_GET
@allowed("read")
def membership(request: SignedInRequest, pk: int) -> HttpResponse:
    authority = get_object_or_404(Authority.objects.visible_to(request.user), pk=pk)
    groups.common()
    rows = [_row(group, authority) for group in Group.objects.all()]
    shown = [each for each in rows if request.user.is_operator or each.group.is_common or each.membership]
    return page(request, "trust/_membership.html", {"authority": authority, "rows": shown})


@require_POST
@allowed("operate")
def add(request: SignedInRequest, pk: int) -> HttpResponse:
    authority = get_object_or_404(Authority.objects.visible_to(request.user), pk=pk)
    group = _group(request.POST.get("group", COMMON))
    groups.add_to_group(request.user, group, authority)
    messages.success(request, f"{authority.name} is in {group.name}. The network learns of it with the next release.")
    return redirect("cas:detail", pk)


@require_http_methods(["GET", "POST"])
@allowed("operate")
def set_end(request: SignedInRequest, pk: int) -> HttpResponse:
    authority = get_object_or_404(Authority.objects.visible_to(request.user), pk=pk)
    group = _group((request.POST or request.GET).get("group", COMMON))
    present = get_object_or_404(Membership.objects.present().of(group), authority=authority)
    form = EndForm(request.POST or None, initial={"ends_at": present.ends_at and present.ends_at.date()})
    if request.method == "POST" and form.is_valid():
        ends_at, reason = form.cleaned_data["ends_at"], form.cleaned_data["reason"]
        if attempt(form, lambda: groups.set_end(request.user, group, authority, ends_at, reason)):
            messages.success(request, f"Saved. It goes out with the next release of {group.name}.")
            return redirect("cas:detail", pk)
    return page(request, "trust/set_end.html", {"authority": authority, "group": group, "form": form})


@require_http_methods(["GET", "POST"])
@allowed("operate")
def remove(request: SignedInRequest, pk: int) -> HttpResponse:
    """First what it takes off the air, then the act."""
    authority = get_object_or_404(Authority.objects.visible_to(request.user), pk=pk)
    group = _group((request.POST or request.GET).get("group", COMMON))
    form = TypedForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said = {"typed": form.cleaned_data["typed"], "reason": form.cleaned_data["reason"]}
        if attempt(form, lambda: groups.remove_from_group(request.user, group, authority, **said)) is not None:
            messages.success(request, f"{authority.name} leaves {group.name} with the next release.")
            return redirect("cas:detail", pk)
    context = {"authority": authority, "group": group, "impact": affected_by(authority), "form": form}
    return page(request, "trust/remove.html", context)


def _group(name: str) -> Group:
    groups.common()
    return get_object_or_404(Group, name=name.replace("\0", ""))  # PostgreSQL takes no NUL, and names have none


def _row(group: Group, authority: Authority) -> Row:
    newest = releases.published_release(group)
    return Row(
        group=group,
        membership=Membership.objects.present()
        .of(group)
        .filter(authority=authority)
        .select_related("added_by")
        .first(),
        newest=newest,
        is_published=newest is not None and newest.authorities.filter(pk=authority.pk).exists(),
    )
