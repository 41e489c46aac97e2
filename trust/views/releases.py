"""Trust releases: what was published, and what would be now."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import SignedInRequest, allowed
from accounts.models import User
from audit.models import Record
from core.bell import ring
from core.csv import attachment
from core.forms import attempt
from core.keyset import paginate
from core.pages import page
from gateways.models import Gateway
from outbox.tasks import send_due
from pki.public_keys import public_pem
from trust import tasks
from trust.forms import GroupForm, PublishForm, ReviewForm
from trust.models import COMMON, Cluster, Group, Publication, Release, Store
from trust.services import asking, drafts, groups, releases
from trust.services.drafts import Draft
from trust.services.impact import by_vendor, gateways_of, gateways_unknown, works_by

KINDS = {
    "gained": "gain access",
    "lost": "lose access",
    "unknown": "are signed nobody knows how",
}
SORTS = {"eui": "eui", "ends": "current_not_after"}
HISTORY = 12
REVIEW_ID = "review_%s"  # the form to publish stands on the same page
STOP_POLLING = 286
LONGEST_PAUSE = 8  # seconds between two polls


@require_GET
@allowed("read_all")
def list_releases(request: SignedInRequest) -> HttpResponse:
    return _list(request, _group(request.GET.get("group", COMMON)))


@require_POST
@allowed("operate")
@sensitive_post_parameters("password")
def publish(request: SignedInRequest) -> HttpResponse:
    group, form = _group(request.POST.get("group", COMMON)), PublishForm(request.POST)
    made = None
    if form.is_valid():
        made = attempt(form, lambda: releases.publish_release(request.user, group, **form.cleaned_data))
    return _after(request, made) if made else _list(request, group, form)


@require_POST
@allowed("operate")
def review(request: SignedInRequest) -> HttpResponse:
    """Say what one thinks of the draft."""
    group, form = _group(request.POST.get("group", COMMON)), ReviewForm(request.POST, auto_id=REVIEW_ID)
    said = None
    if form.is_valid():
        said = attempt(form, lambda: releases.review_draft(request.user, group, **form.cleaned_data))
    if said is None:
        return _list(request, group, review_form=form)
    messages.success(request, f"Noted: {request.user.name} {said.get_verdict_display().lower()}.")
    return _to_draft(group)


@require_POST
@allowed("operate")
def ask(request: SignedInRequest) -> HttpResponse:
    """Mail the other operators that the draft waits for one of them."""
    group, returning = _group(request.POST.get("group", COMMON)), request.POST.get("returning", "")
    if returning.isdecimal():
        due = drafts.draft_of_return(get_object_or_404(Release.objects.listed(), pk=returning[:18], group=group))
    else:
        due = drafts.draft(group)
    asked = asking.ask_operators(request.user, due)
    ring(send_due)
    messages.success(request, f"{asked} other operator{'' if asked == 1 else 's'} asked by mail.")
    return redirect("trust:return_to", due.repeats.pk) if due.repeats else _to_draft(group)


@require_http_methods(["GET", "POST"])
@allowed("operate")
@sensitive_post_parameters("password")
def return_to(request: SignedInRequest, pk: int) -> HttpResponse:
    """First what a return to this release does, then the act: a new release with what it held."""
    release = get_object_or_404(Release.objects.listed(), pk=pk)
    form = PublishForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = attempt(form, lambda: releases.roll_back(request.user, release, **form.cleaned_data))
        if made:
            return _after(request, made)
    due = drafts.draft_of_return(release)
    context = {"release": release, "form": _opened(form, due), "seal": due.seal, **_draft_context(request, due)}
    return page(request, "trust/return.html", context)


@require_GET
@allowed("read_all")
def gateways(request: SignedInRequest, group: str, kind: str) -> HttpResponse:
    """The gateways that the draft gains, loses, or knows nothing about."""
    due, found = _affected(group, kind)
    shown = paginate(found.select_related("vendor", "current_authority"), request.GET, sorts=SORTS, default="eui")
    context = {"draft": due, "kind": kind, "words": KINDS[kind], "page": shown}
    return page(request, "trust/gateways.html", context, fragment="trust/_gateways.html")


@require_GET
@allowed("read_all")
def export_gateways(request: SignedInRequest, group: str, kind: str) -> StreamingHttpResponse:
    due, found = _affected(group, kind)
    columns = ("eui", "name", "vendor", "authority", "not_after")
    rows = found.order_by("eui").values_list(
        "eui", "name", "vendor__name", "current_authority__name", "current_not_after"
    )
    name = f"{due.group.name}-{due.number}-{kind}.csv"
    return attachment(name, columns, ((*row[:4], row[4].isoformat() if row[4] else "") for row in rows.iterator()))


@require_http_methods(["GET", "POST"])
@allowed("operate")
def new_group(request: SignedInRequest) -> HttpResponse:
    form = GroupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        group = attempt(form, lambda: groups.create_group(request.user, **form.cleaned_data))
        if group:
            messages.success(request, f"Group {group.name} is there. Put authorities into it, and choose its stores.")
            return _to_draft(group)
    return page(request, "trust/new_group.html", {"form": form})


@require_GET
@allowed("read_all")
def detail(request: SignedInRequest, pk: int) -> HttpResponse:
    release = get_object_or_404(Release.objects.listed(), pk=pk)
    newest = drafts.newest_release(release.group)
    context = {
        "release": release,
        "is_newest": newest == release,
        "before": drafts.release_before(release),
        "difference": drafts.difference_of(release),
        "counts": works_by(release),
        "reviews": release.reviews.select_related("by"),
        "clusters": Cluster.objects.listed().filter(store__groups=release.group),
        "records": Record.objects.about("release", release.pk)[:HISTORY],
        **_counted_then(release),
        **_way(release),
    }
    return page(request, "trust/release.html", context)


@require_GET
@allowed("read_all")
def file(request: SignedInRequest, pk: int, form: str) -> HttpResponse:
    """The signed manifest of a release, its signature, or the key to verify it with."""
    release = get_object_or_404(Release.objects.select_related("group", "key"), pk=pk)
    files = {
        "manifest.json": release.manifest.encode(),
        "manifest.json.sig": bytes(release.signature or b""),
        "key.pem": public_pem(bytes(release.key.public_key)) if release.key else b"",
    }
    if not files.get(form):
        raise Http404
    name = f"{release.group.name}-{release.number}-{form}"
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(files[form], content_type="application/octet-stream", headers=disposition)


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


def _counted_then(release: Release) -> dict[str, object]:
    """How many gateways the release took off and let in, as the record of its publication keeps it."""
    act = Record.objects.about("release", release.pk).filter(action="release.published").first()
    return {name: act.details.get(name, 0) if act else 0 for name in ("lost", "gained")}


def ring_for(release: Release) -> None:
    """Tell a worker about every publication of `release` that waits."""
    for pk in release.publications.unfinished().values_list("pk", flat=True):
        ring(tasks.publish, pk)


def _group(name: str) -> Group:
    groups.common()
    return get_object_or_404(Group, name=name.replace("\0", ""))  # PostgreSQL takes no NUL, and names have none


def _to_draft(group: Group) -> HttpResponse:
    return redirect(f"{reverse('trust:releases')}{'' if group.is_common else f'?group={group.name}'}")


def _after(request: SignedInRequest, made: Release) -> HttpResponse:
    ring_for(made)
    messages.success(request, f"Release {made.number} is made. Its way to the stores is shown here.")
    return redirect("trust:release", made.pk)


def _list(
    request: SignedInRequest, group: Group, form: PublishForm | None = None, review_form: ReviewForm | None = None
) -> HttpResponse:
    due = drafts.draft(group)
    rows = Release.objects.listed().of(group).prefetch_related("publications__store")
    context = {
        "form": _opened(form, due),
        "seal": due.seal,
        "review_form": review_form or ReviewForm(auto_id=REVIEW_ID),
        "page": paginate(rows, request.GET, sorts={"number": "number"}, default="-number", size=20),
        "groups": list(Group.objects.all()),
        **_draft_context(request, due),
    }
    return page(request, "trust/releases.html", context)


def _opened(form: PublishForm | None, due: Draft) -> PublishForm:
    return form if form is not None and form.is_bound else PublishForm(initial={"seen": due.seal})


def _draft_context(request: SignedInRequest, due: Draft) -> dict[str, object]:
    """What every page about a draft shows."""
    others = User.objects.active_operators().exclude(pk__in=[each.pk for each in due.authors])
    hands = {each.pk for each in due.authors} if due.repeats is None else {request.user.pk}
    stores = list(due.group.stores.all())
    return {
        "draft": due,
        "table": by_vendor(due.impact),
        "links": _links(due),
        "before_count": len(due.difference.kept) + len(due.difference.removed),
        "stores": stores,
        "ahead": next((each for each in stores if each.state == Store.State.NEWER), None),
        "others": others.exclude(pk=request.user.pk),
        "needs_other": due.needs_second and not due.approvals and request.user.pk in hands,
        "is_alone": User.objects.active_operators().count() == 1,
    }


def _links(due: Draft) -> list[tuple[str, str]]:
    """Lists of gateways that have somebody in them."""
    counts = (
        ("gained", "Who gains", due.impact.gained.gateways),
        ("lost", "Who loses", due.impact.lost.gateways),
        ("unknown", "Who is unknown", due.impact.unknown_gateways),
    )
    return [(kind, words) for kind, words, count in counts if count]


def _affected(name: str, kind: str) -> tuple[Draft, QuerySet[Gateway]]:
    due = drafts.draft(_group(name))
    if kind == "unknown":
        return due, gateways_unknown(due.impact)
    if kind not in KINDS:
        raise Http404
    return due, gateways_of(due.impact.lost if kind == "lost" else due.impact.gained)


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
