"""Stores: where network servers read, and what they find there."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.defaultfilters import pluralize
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import SignedInRequest, allowed
from audit.models import Record
from core.bell import ring
from core.errors import Refused
from core.forms import attempt
from core.pages import page
from outbox.tasks import send_due
from trust import tasks
from trust.forms import ConnectForm, GroupsForm, RepairForm, TypedForm
from trust.models import Group, Store
from trust.services import checking, found, going_on, repairing, stores
from trust.services.drafts import newest_by_group
from trust.services.publication import holdings
from trust.views.releases import ring_for

HISTORY = 12
LISTED = 20


@require_GET
@allowed("read_all")
def list_stores(request: SignedInRequest) -> HttpResponse:
    rows = [(store, holdings(store)) for store in Store.objects.prefetch_related("groups")]
    return page(request, "trust/stores.html", {"rows": rows, "newest": newest_by_group()})


@require_http_methods(["GET", "POST"])
@allowed("operate")
def connect(request: SignedInRequest) -> HttpResponse:
    form = ConnectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        store = attempt(form, lambda: stores.connect_store(request.user, form.store(), form.cleaned_data["groups"]))
        if store is not None:
            _ring_for(store)
            return _say_connected(request, store)
    return page(
        request,
        "trust/connect.html",
        {"form": form, "roots": stores.roots(), "several_groups": Group.objects.count() > 1},
    )


@require_GET
@allowed("read_all")
def detail(request: SignedInRequest, pk: int) -> HttpResponse:
    return _show(request, get_object_or_404(Store, pk=pk))


@require_GET
@allowed("read_all")
def contents(request: SignedInRequest, pk: int) -> HttpResponse:
    """What a network server would read from the store at this moment."""
    store = get_object_or_404(Store, pk=pk)
    context: dict[str, Any] = {"store": store, "form": TypedForm(auto_id="replace_%s")}
    try:
        context["found"] = found.look(stores.read(store))
    except Refused as refusal:
        context["refusal"] = refusal
    return page(request, "trust/_contents.html", context)


@require_POST
@allowed("operate")
def adopt(request: SignedInRequest, pk: int) -> HttpResponse:
    store = get_object_or_404(Store, pk=pk)
    release = stores.adopt_store(request.user, store, seen=request.POST.get("seen", ""))
    ring_for(release)
    messages.success(request, f"{store.name} is adopted: release {release.number} has what it held.")
    return redirect("trust:release", release.pk)


@require_POST
@allowed("operate")
def replace(request: SignedInRequest, pk: int) -> HttpResponse:
    store, form = get_object_or_404(Store, pk=pk), TypedForm(request.POST)
    form.full_clean()
    typed, seen = form.cleaned_data["typed"], form.cleaned_data["seen"]
    publication = stores.replace_store(request.user, store, typed=typed, seen=seen)
    if publication is None:
        messages.success(request, f"{store.name} is yours. It is overwritten with the first release.")
        return redirect("trust:store", pk)
    ring(tasks.publish, publication.pk)
    messages.success(request, f"{store.name} gets release {publication.release.number} now.")
    return redirect("trust:release", publication.release_id)


@require_POST
@allowed("operate")
def go_on(request: SignedInRequest, pk: int) -> HttpResponse:
    """Learn the newer releases that the store holds, and publish after them."""
    store = get_object_or_404(Store, pk=pk)
    taken_back = going_on.go_on(request.user, store)
    for release in taken_back:
        ring_for(release)
    numbers = " and ".join(str(each.number) for each in taken_back)
    messages.success(request, f"Release {numbers} is known again, and its group is as it was. The next one follows it.")
    return redirect("trust:store", pk)


@require_POST
@allowed("operate")
def choose_groups(request: SignedInRequest, pk: int) -> HttpResponse:
    store, form = get_object_or_404(Store, pk=pk), GroupsForm(request.POST)
    if not form.is_valid():
        return _show(request, store, groups_form=form)
    publication = stores.choose_groups(request.user, store, form.cleaned_data["groups"])
    if publication:
        ring(tasks.publish, publication.pk)
    messages.success(request, f"{store.name} carries {', '.join(each.name for each in form.cleaned_data['groups'])}.")
    return redirect("trust:store", pk)


@require_POST
@allowed("operate")
def check(request: SignedInRequest, pk: int) -> HttpResponse:
    """Read the store back now, and let what waits for it be tried now."""
    store = get_object_or_404(Store, pk=pk)
    checking.check_store(store.pk)
    for publication in stores.try_again(store):
        ring(tasks.publish, publication.pk)
    ring(send_due)
    return redirect("trust:store", pk)


@require_POST
@allowed("operate")
def repair(request: SignedInRequest, pk: int) -> HttpResponse:
    store = get_object_or_404(Store, pk=pk)
    publication = repairing.repair_store(request.user, store)
    ring(tasks.publish, publication.pk)
    messages.success(request, f"{store.name} gets release {publication.release.number} again.")
    return redirect("trust:store", pk)


@require_POST
@allowed("operate")
def choose_repair(request: SignedInRequest, pk: int) -> HttpResponse:
    store = get_object_or_404(Store, pk=pk)
    repairing.choose_repair(request.user, store, request.POST.get("repair", ""))
    messages.success(request, "Saved.")
    return redirect("trust:store", pk)


@require_POST
@allowed("operate")
def remove_foreign(request: SignedInRequest, pk: int) -> HttpResponse:
    store = get_object_or_404(Store, pk=pk)
    count = repairing.remove_foreign(request.user, store)
    messages.success(request, f"{count} file{pluralize(count)} removed from {store.name}.")
    return redirect("trust:store", pk)


@require_POST
@allowed("operate")
def keep_foreign(request: SignedInRequest, pk: int) -> HttpResponse:
    store = get_object_or_404(Store, pk=pk)
    count = repairing.keep_foreign(request.user, store)
    messages.success(request, f"{count} file{pluralize(count)} may stay in {store.name}.")
    return redirect("trust:store", pk)


@require_POST
@allowed("operate")
def disconnect(request: SignedInRequest, pk: int) -> HttpResponse:
    store, form = get_object_or_404(Store, pk=pk), TypedForm(request.POST, auto_id="disconnect_%s")
    form.full_clean()
    attempt(form, lambda: stores.disconnect_store(request.user, store, typed=form.cleaned_data["typed"]))
    if form.errors:
        return _show(request, store, form)
    messages.success(request, f"{store.name} is disconnected. What stands in it stays there.")
    return redirect("trust:stores")


def _show(
    request: SignedInRequest, store: Store, form: TypedForm | None = None, groups_form: GroupsForm | None = None
) -> HttpResponse:
    newer = [each for each in store.differences if each["kind"] == "newer"]
    context = {
        "store": store,
        "holdings": holdings(store),
        "newest": newest_by_group(),
        "groups_form": groups_form or GroupsForm(initial={"groups": store.groups.all()}),
        "clusters": store.clusters.listed(),
        "publications": store.publications.select_related("release__group").order_by("-pk")[:LISTED],
        "waiting": store.publications.possible().newest_first().first(),
        "records": Record.objects.about("store", store.pk)[:HISTORY],
        "form": form or TypedForm(auto_id="disconnect_%s"),
        "repair_form": RepairForm(initial={"repair": store.repair}),
        "newer": newer,
        "unknown": " and ".join(each["words"].partition(" is ours")[0].lower() for each in newer),
        "foreign": [each for each in store.differences if each["kind"] == "foreign"],
    }
    return page(request, "trust/store.html", context)


def _ring_for(store: Store) -> None:
    for pk in store.publications.possible().values_list("pk", flat=True):
        ring(tasks.publish, pk)


def _say_connected(request: SignedInRequest, store: Store) -> HttpResponse:
    if store.state == Store.State.FOREIGN:
        messages.warning(request, f"{store.name} holds an index that we did not write. Decide what becomes of it.")
    elif store.state == Store.State.NEWER:
        messages.warning(request, f"{store.name} holds a newer release than this database knows. Decide how to go on.")
    else:
        messages.success(request, f"{store.name} is connected. Every release goes there from now on.")
    return redirect("trust:store", store.pk)
