"""Clusters: the network servers that read a store at their start, and what they have read."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_POST

from accounts.access import SignedInRequest, allowed
from core.bell import ring
from core.errors import Refused
from core.forms import attempt
from core.pages import page
from outbox.tasks import send_due
from trust.forms import ClusterForm, ProbeForm
from trust.models import Cluster, Probe, Release
from trust.services import live, probing
from trust.services.drafts import newest_release
from trust.services.groups import common

BEARER = "Bearer "


@require_GET
@allowed("read_all")
def list_clusters(request: SignedInRequest) -> HttpResponse:
    return _show(request)


@require_POST
@allowed("operate")
@never_cache
def create(request: SignedInRequest) -> HttpResponse:
    form = ClusterForm(request.POST)
    made = attempt(form, lambda: live.create_cluster(request.user, **form.cleaned_data)) if form.is_valid() else None
    return _show(request, form=form) if made is None else _show(request, cluster=made[0], token=made[1])


@require_POST
@allowed("operate")
@never_cache
def renew_token(request: SignedInRequest, pk: int) -> HttpResponse:
    cluster = get_object_or_404(Cluster, pk=pk)
    return _show(request, cluster=cluster, token=live.renew_token(request.user, cluster))


@require_POST
@allowed("operate")
def delete(request: SignedInRequest, pk: int) -> HttpResponse:
    cluster = get_object_or_404(Cluster, pk=pk)
    live.delete_cluster(request.user, cluster)
    messages.success(request, f"{cluster.name} is forgotten. Its servers go on reading their store.")
    return redirect("trust:clusters")


@require_POST
@allowed("operate")
def mark(request: SignedInRequest, pk: int, release: int) -> HttpResponse:
    """An operator restarted the servers of the cluster."""
    cluster, read = get_object_or_404(Cluster, pk=pk), get_object_or_404(Release, pk=release)
    try:
        live.mark_live(request.user, cluster, read)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"Release {read.number} is live in {cluster.name}.")
    return redirect("trust:release", release)


@require_POST
@allowed("operate")
def create_probe(request: SignedInRequest) -> HttpResponse:
    form = ProbeForm(request.POST)
    made = attempt(form, lambda: probing.create_probe(request.user, **form.cleaned_data)) if form.is_valid() else None
    if made is None:
        return _show(request, probe_form=form)
    probing.ask_cluster(Cluster.objects.listed().get(pk=made.cluster_id))
    messages.success(request, f"{made} is asked every few minutes from now on.")
    return redirect("trust:clusters")


@require_POST
@allowed("operate")
def ask(request: SignedInRequest, pk: int) -> HttpResponse:
    probing.ask_cluster(get_object_or_404(Cluster.objects.listed(), pk=pk))
    ring(send_due)
    return redirect("trust:clusters")


@require_POST
@allowed("operate")
def delete_probe(request: SignedInRequest, pk: int) -> HttpResponse:
    probe = get_object_or_404(Probe.objects.listed(), pk=pk)
    probing.delete_probe(request.user, probe)
    messages.success(request, f"{probe} is no longer asked. Its private key is destroyed.")
    return redirect("trust:clusters")


@csrf_exempt  # a machine calls, with a token of its own
@require_POST
@never_cache
@sensitive_post_parameters()
@sensitive_variables("token")
def call(request: HttpRequest) -> JsonResponse:
    """`POST` with `Authorization: Bearer <token>`, after the servers of a cluster have started."""
    header = request.headers.get("Authorization", "")
    token = header.removeprefix(BEARER).strip() if header.startswith(BEARER) else ""
    try:
        cluster = live.called(token) if token else None
    except Refused as refusal:
        return JsonResponse({"code": refusal.code, "message": refusal.message}, status=409)
    if cluster is None or cluster.live is None:
        return JsonResponse({"code": "unauthorized", "message": "This token is not known."}, status=401)
    return JsonResponse({"cluster": cluster.name, "group": cluster.live.group.name, "live": cluster.live.number})


def _show(
    request: SignedInRequest,
    *,
    form: ClusterForm | None = None,
    probe_form: ProbeForm | None = None,
    cluster: Cluster | None = None,
    token: str = "",
) -> HttpResponse:
    context = {
        "clusters": Cluster.objects.listed(),
        "newest": newest_release(common()),
        "form": form or ClusterForm(),
        "probes": Probe.objects.listed().order_by("cluster__name", "pk"),
        "probe_form": probe_form or ProbeForm(auto_id="probe_%s"),
        "named": cluster,
        "token": token,
    }
    return page(request, "trust/clusters.html", context)
