"""Trust releases: what is published, what would be, and the button between."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import SignedInRequest, allowed
from audit.models import Record
from core.bell import ring
from core.forms import attempt
from core.pages import page
from trust import tasks
from trust.forms import ReleaseForm
from trust.models import Publication, Release, Store
from trust.services import groups, releases

POLL_DONE = 286  # htmx stops polling
LISTED = 50


@require_http_methods(["GET", "POST"])
@allowed("read_all")
def list_releases(request: SignedInRequest) -> HttpResponse:
    if request.method == "POST":
        return _publish(request)
    return _list(request, ReleaseForm())


def _list(request: SignedInRequest, form: ReleaseForm) -> HttpResponse:
    group = groups.common()
    context = {
        "form": form,
        "group": group,
        "pending": releases.pending_difference(group),
        "releases": Release.objects.filter(group=group).select_related("released_by").defer("bundle")[:LISTED],
        "latest": releases.latest(group),
        "stores": Store.objects.all(),
    }
    return page(request, "trust/releases.html", context)


@allowed("operate")
def _publish(request: SignedInRequest) -> HttpResponse:
    form = ReleaseForm(request.POST)
    if form.is_valid():
        note = form.cleaned_data["note"]
        release = attempt(form, lambda: releases.publish_release(request.user, groups.common(), note=note))
        if release:
            ring_for(release)
            messages.success(request, f"Release {release.number} is on its way to the stores.")
            return redirect("trust:release", release.pk)
    return _list(request, form)


def ring_for(release: Release) -> None:
    for pk in release.publications.values_list("pk", flat=True):
        ring(tasks.publish, pk)


@require_GET
@allowed("read_all")
def show_release(request: SignedInRequest, pk: int) -> HttpResponse:
    release = get_object_or_404(Release.objects.select_related("group", "released_by"), pk=pk)
    context = {
        "release": release,
        "change": releases.change_of(release),
        "newest": releases.latest(release.group),
        "records": Record.objects.about("release", release.pk)[:12],
        **_progress(release),
    }
    return page(request, "trust/release.html", context)


@require_GET
@allowed("read_all")
def progress(request: SignedInRequest, pk: int) -> HttpResponse:
    """Where the release has arrived; ends the page's polling when nothing moves any more."""
    release = get_object_or_404(Release, pk=pk)
    context = _progress(release)
    return page(
        request,
        "trust/_publications.html",
        {"release": release, **context},
        status=200 if context["is_moving"] else POLL_DONE,
    )


def _progress(release: Release) -> dict[str, object]:
    publications = list(release.publications.select_related("store").order_by("store__name"))
    moving = any(each.state == Publication.State.QUEUED for each in publications)
    return {"publications": publications, "is_moving": moving}


@require_GET
@allowed("read_all")
def download(request: SignedInRequest, pk: int) -> HttpResponse:
    release = get_object_or_404(Release.objects.select_related("group"), pk=pk)
    response = HttpResponse(bytes(release.bundle), content_type="application/x-pem-file")
    response["Content-Disposition"] = f'attachment; filename="{release.group.name}-{release.number}.pem"'
    return response
