"""Certificates of the fleet's own servers."""

import re
import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import reauthentication
from accounts.access import SignedInRequest, allowed
from accounts.models import Deployment, User
from audit.models import Record
from cas.models import Authority
from cas.tasks import renew_list
from certificates.drawing import draw_server
from certificates.forms import CSR, MADE_HERE, RevokeForm
from certificates.models import ServerCertificate
from certificates.server_filters import FILTERS, SORTS, servers
from certificates.server_forms import ATTRIBUTES, ServerForm
from certificates.services import server_certificates, server_custody
from certificates.views.requests import filters_in_use
from core import clock, csv, keyset
from core.bell import ring
from core.forms import attempt
from core.pages import page
from pki.server_files import server_files

COLUMNS = ("Host", "Other hosts", "Authority", "Profile", "Serial", "Valid from", "Ends", "State", "Key")
PUBLIC = ("cert.pem", "cert.der", "chain.pem", "fullchain.pem", "ca.pem")


@require_GET
@allowed("read_all")
def list_servers(request: SignedInRequest) -> HttpResponse:
    chosen, rows = servers(request.GET, request=request)
    shown = keyset.paginate(rows.listed(clock.now()), request.GET, sorts=SORTS, default="ends")
    context = {
        "filter": chosen,
        "page": shown,
        "filters": filters_in_use(request.GET, *FILTERS),
        "has_authority": _usable().exists(),
    }
    return page(request, "certificates/servers.html", context, fragment="certificates/_servers.html")


@require_GET
@allowed("read_all")
def export(request: SignedInRequest) -> StreamingHttpResponse:
    """Exactly the rows of the list, in its order."""
    _, rows = servers(request.GET, request=request)
    ordered = keyset.sorted_as(rows.listed(clock.now()), request.GET, sorts=SORTS, default="ends")
    return csv.attachment("servers.csv", COLUMNS, (_csv_row(each) for each in ordered.iterator(2000)))


def _csv_row(row: ServerCertificate) -> tuple[str, ...]:
    return (
        row.host,
        " ".join(row.other_hosts),
        row.authority.name,
        f"{row.profile} version {row.profile_version}",
        row.serial,
        row.not_before.isoformat() if row.not_before else "",
        row.not_after.isoformat() if row.not_after else "",
        row.standing.label,
        row.key_type,
    )


def _usable() -> Any:
    return Authority.objects.usable_for_servers_at(clock.now())


def _server(user: User, pk: int) -> ServerCertificate:
    related = ("authority", "key", "signing", "requested_by", "revoked_by")
    visible = ServerCertificate.objects.visible_to(user).with_successor(clock.now()).select_related(*related)
    return get_object_or_404(visible, pk=pk)


@require_GET
@allowed("read_all")
def detail(request: SignedInRequest, pk: int) -> HttpResponse:
    row = _server(request.user, pk)
    context = {
        "server": row,
        "axis": draw_server(row),
        "later": _later(row) if row.standing == "superseded" else None,
        "records": Record.objects.about("servercertificate", row.pk)[:12],
    }
    return page(request, "certificates/server.html", context)


def _later(row: ServerCertificate) -> ServerCertificate | None:
    """The one that supersedes it."""
    return ServerCertificate.objects.in_force(clock.now()).filter(host_set=row.host_set).latest("not_after")


@require_http_methods(["GET", "POST"])
@sensitive_post_parameters("csr")
@allowed("operate")
def new(request: SignedInRequest) -> HttpResponse:
    """`?like=` fills in what an older one says."""
    posted = request.POST if request.method == "POST" else None
    form = ServerForm(posted, request.FILES or None, initial=_initial(request))
    if form.is_valid():
        made = attempt(form, lambda: _create(request.user, form))
        if made:
            return redirect("certificates:server", made.pk)
    return page(request, "certificates/new_server.html", {"form": form, "has_authority": _usable().exists()})


def _create(actor: User, form: ServerForm) -> ServerCertificate:
    authority, key = form.cleaned_data["authority"], form.cleaned_data["idempotency_key"]
    return server_certificates.create(actor, authority, form.wish(), idempotency_key=key)


def _initial(request: SignedInRequest) -> dict[str, object]:
    deployment = Deployment.objects.first()
    proposed: dict[str, object] = {"organisation": deployment.name[:64] if deployment else ""}
    like = request.GET.get("like", "")
    if like.isascii() and like.isdecimal() and len(like) < 18:
        proposed = _like(_server(request.user, int(like)))
    return {"idempotency_key": uuid.uuid4().hex, **proposed}


def _like(row: ServerCertificate) -> dict[str, object]:
    names = {ATTRIBUTES[name]: value for name, value in row.names}
    return {
        "hosts": "\n".join(row.hosts),
        "shape": f"{row.profile}:{row.lifetime_days}",
        "authority": row.authority_id,
        "source": MADE_HERE if row.csr is None else CSR,
        "key_type": row.key_type,
        **names,
    }


@require_GET
@allowed("read_all")
def download(request: SignedInRequest, pk: int, form: str) -> HttpResponse:
    """The certificate, with or without those above it: public things."""
    row = _server(request.user, pk)
    if form not in PUBLIC or row.der is None:
        raise Http404
    body = server_files(bytes(row.der), [bytes(each.der) for each in row.authority.chain()])[form]
    kind = "application/pkix-cert" if form.endswith("der") else "application/x-pem-file"
    return _file(row, body, form, kind)


def _file(row: ServerCertificate, body: bytes, name: str, kind: str) -> HttpResponse:
    host = re.sub(r"[^a-z0-9.-]", "_", row.host)[:80]
    disposition = f'attachment; filename="{host}-{name}"'
    return HttpResponse(body, content_type=kind, headers={"Content-Disposition": disposition})


@require_POST
@never_cache
@allowed("operate")
def key(request: SignedInRequest, pk: int) -> HttpResponse:
    """The private key, only to somebody whose password was given within the last 15 minutes."""
    row = _server(request.user, pk)
    if row.has_sealed_key and not reauthentication.recently(request):
        back = reverse("certificates:server", args=[row.pk])
        return redirect(f"{reverse('accounts:reauthenticate')}?{urlencode({'next': back})}")
    return _file(row, server_custody.private_key_pem(row, actor=request.user), "key.pem", "application/x-pem-file")


@require_POST
@allowed("operate")
def receipt(request: SignedInRequest, pk: int) -> HttpResponse:
    server_custody.confirm_receipt(_server(request.user, pk), actor=request.user)
    messages.success(request, "Confirmed: the private key is destroyed here. Only the server has it now.")
    return redirect("certificates:server", pk)


@require_POST
@allowed("operate")
def renew(request: SignedInRequest, pk: int) -> HttpResponse:
    """The same again, by the newest authority where the old one is not there any more."""
    row = _server(request.user, pk)
    usable = _usable()
    authority = usable.filter(pk=row.authority_id).first() or usable.order_by("-not_after").first()
    made = server_certificates.renew(row, actor=request.user, authority=authority)
    messages.success(request, f"{made.host} is renewed. The old certificate stays good until it ends.")
    return redirect("certificates:server", made.pk)


@require_http_methods(["GET", "POST"])
@allowed("operate")
def revoke(request: SignedInRequest, pk: int) -> HttpResponse:
    """First who honours it, then the act."""
    row = _server(request.user, pk)
    form = RevokeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        revoked = attempt(form, lambda: server_certificates.revoke(row, actor=request.user, reason=reason))
        if revoked:
            ring(renew_list, row.authority_id)
            messages.success(request, "Revoked. Who honours it stands on this page.")
            return redirect("certificates:server", pk)
    return page(request, "certificates/revoke_server.html", {"form": form, "server": row})
