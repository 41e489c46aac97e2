"""Trust releases: what was published, and what would be now."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from accounts.access import SignedInRequest, allowed
from audit.models import Record
from core.bell import ring
from core.forms import attempt
from core.keyset import paginate
from core.pages import page
from gateways.models import Gateway
from trust import tasks
from trust.forms import PublishForm
from trust.models import Publication, Release, Store
from trust.services import releases
from trust.services.groups import common

HISTORY = 12
STOP_POLLING = 286
LONGEST_PAUSE = 8  # seconds between two polls


@require_GET
@allowed("read_all")
def list_releases(request: SignedInRequest) -> HttpResponse:
    return _list(request, None)


@require_POST
@allowed("operate")
def publish(request: SignedInRequest) -> HttpResponse:
    form = PublishForm(request.POST)
    if not form.is_valid():
        return _list(request, form)
    made = attempt(form, lambda: releases.publish_release(request.user, common(), **form.cleaned_data))
    if made is None:
        return _list(request, form)
    ring_for(made)
    messages.success(request, f"Release {made.number} is made. Its way to the stores is shown here.")
    return redirect("trust:release", made.pk)


@require_GET
@allowed("read_all")
def detail(request: SignedInRequest, pk: int) -> HttpResponse:
    release = get_object_or_404(Release.objects.listed(), pk=pk)
    newest = releases.newest_release(release.group)
    context = {
        "release": release,
        "is_newest": newest == release,
        "before": releases.release_before(release),
        "difference": releases.difference_of(release),
        "records": Record.objects.about("release", release.pk)[:HISTORY],
        **_way(release),
    }
    return page(request, "trust/release.html", context)


@require_GET
@allowed("read_all")
def publications(request: SignedInRequest, pk: int) -> HttpResponse:
    """How far the release got. Asked for again by itself until it stands in every store."""
    release = get_object_or_404(Release.objects.listed(), pk=pk)
    asked = request.GET.get("asked", "")
    context = {"release": release, **_way(release, asked=int(asked) if asked.isdecimal() and len(asked) < 4 else 0)}
    status = 200 if context["is_moving"] else STOP_POLLING
    return page(request, "trust/_publications.html", context, status=status)


@require_GET
@allowed("read_all")
def bundle(request: SignedInRequest, pk: int) -> HttpResponse:
    release = get_object_or_404(Release.objects.select_related("group"), pk=pk)
    name = f"{release.group.name}-{release.number}.pem"
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(bytes(release.bundle), content_type="application/x-pem-file", headers=disposition)


def ring_for(release: Release) -> None:
    """Tell a worker about every publication of `release` that waits."""
    for pk in release.publications.unfinished().values_list("pk", flat=True):
        ring(tasks.publish, pk)


def _list(request: SignedInRequest, form: PublishForm | None) -> HttpResponse:
    group = common()
    draft = releases.draft(group)
    rows = Release.objects.listed().of(group).prefetch_related("publications__store")
    context = {
        "draft": draft,
        "form": form or PublishForm(initial={"seen": draft.seal}),
        "seal": draft.seal,
        "before_count": len(draft.difference.kept) + len(draft.difference.removed),
        "uncertified": Gateway.objects.filter(current_authority__isnull=True).count(),
        "page": paginate(rows, request.GET, sorts={"number": "number"}, default="-number", size=20),
        "stores": list(Store.objects.all()),
    }
    return page(request, "trust/releases.html", context)


def _way(release: Release, *, asked: int = 0) -> dict[str, object]:
    """Where the release stands in each store, and when to ask again."""
    way = list(release.publications.select_related("store").order_by("store__name"))
    waits = (each for each in way if each.state == Publication.State.QUEUED)
    return {
        "publications": way,
        "is_moving": any(each.store.state == Store.State.OURS for each in waits),
        "asked": asked + 1,
        "pause": min(1 + asked // 5, LONGEST_PAUSE),
    }
