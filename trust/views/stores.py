"""Stores: where network servers read, and whether what they read is what was published."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import SignedInRequest, allowed
from audit.models import Record
from core.bell import ring
from core.errors import Refused
from core.forms import attempt
from core.pages import page
from core.store import StoreError
from trust import tasks
from trust.forms import NameForm, StoreForm
from trust.models import Publication, Store
from trust.services import groups, releases, stores
from trust.services.checking import check_store
from trust.services.stores import Found
from trust.views.releases import ring_for


@require_GET
@allowed("read_all")
def list_stores(request: SignedInRequest) -> HttpResponse:
    return page(request, "trust/stores.html", {"rows": [(each, _holds(each)) for each in Store.objects.all()]})


def _holds(store: Store) -> int | None:
    done = Publication.objects.filter(store=store, state=Publication.State.PUBLISHED)
    return done.order_by("-release__number").values_list("release__number", flat=True).first()


@require_http_methods(["GET", "POST"])
@allowed("operate")
def connect(request: SignedInRequest) -> HttpResponse:
    form = StoreForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        store = attempt(form, lambda: stores.connect_store(request.user, form.store()))
        if store:
            ring(tasks.sweep)
            messages.success(request, f"Store {store.name} is connected and has been read.")
            return redirect("trust:store", store.pk)
    return page(request, "trust/connect.html", {"form": form})


@require_GET
@allowed("read_all")
def show_store(request: SignedInRequest, pk: int) -> HttpResponse:
    store = get_object_or_404(Store, pk=pk)
    return _show(request, store, NameForm())


def _show(request: SignedInRequest, store: Store, form: NameForm) -> HttpResponse:
    found, complaint = _found(store) if store.state == Store.State.FOREIGN else (None, store.complaint)
    context = {
        "store": store,
        "form": form,
        "found": found,
        "complaint": complaint,
        "latest": releases.latest(groups.common()),
        "holds": _holds(store),
        "publications": store.publications.select_related("release__group").order_by("-release__number")[:10],
        "records": Record.objects.about("store", store.pk)[:12],
    }
    return page(request, "trust/store.html", context)


def _found(store: Store) -> tuple[Found | None, str]:
    try:
        return stores.found_in(store), store.complaint
    except StoreError as error:
        return None, error.message


@require_POST
@allowed("operate")
def adopt(request: SignedInRequest, pk: int) -> HttpResponse:
    store = get_object_or_404(Store, pk=pk)
    release = stores.adopt_store(request.user, store)
    ring_for(release)
    messages.success(request, f"Adopted: release {release.number} holds what the store held.")
    return redirect("trust:release", release.pk)


@require_POST
@allowed("operate")
def replace(request: SignedInRequest, pk: int) -> HttpResponse:
    store = get_object_or_404(Store, pk=pk)
    form = NameForm(request.POST)
    if form.is_valid():
        typed = form.cleaned_data["name"]
        attempt(form, lambda: stores.replace_store(request.user, store, typed_name=typed))
    if form.errors:
        return _show(request, store, form)
    ring(tasks.sweep)
    messages.success(request, f"Store {store.name} is ours now. The next release replaces what it held.")
    return redirect("trust:store", store.pk)


@require_POST
@allowed("operate")
def check(request: SignedInRequest, pk: int) -> HttpResponse:
    """Read it back now, and repair what is not as it should be."""
    store = get_object_or_404(Store, pk=pk)
    repairs = check_store(store.pk)
    ring(tasks.sweep)
    store.refresh_from_db()
    if store.complaint and not repairs:
        raise Refused("store-fails", f"Store {store.name}: {store.complaint}")
    messages.success(
        request, "It was not as it should be, and is being repaired." if repairs else "All is as it should be."
    )
    return redirect("trust:store", store.pk)
