"""One authority: what it is, what hangs on it, and the decision about it."""

from ssl import DER_cert_to_PEM_cert
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_POST

from accounts.access import SignedInRequest, allowed
from accounts.models import User
from audit.models import Record
from cas.chains import draw_chain
from cas.checklist import evidence_context, standing_of
from cas.forms import ReviewForm, RevokeSigningForm
from cas.models import Authority, OcspSigner, Signing
from cas.services import operate
from cas.services import review as reviewing
from cas.services.balance import balance_of
from cas.services.revocation_lists import newest_list
from cas.tasks import renew_list
from core import clock
from core.bell import ring
from core.errors import Refused
from core.forms import attempt
from core.pages import page
from outbox.tasks import send_due

HISTORY = 12
SIGNINGS = 20


@require_GET
@allowed("read")
def detail(request: SignedInRequest, pk: int) -> HttpResponse:
    return show(request, authority_of(request.user, pk))


@require_POST
@allowed("review_authorities")
def review(request: SignedInRequest, pk: int) -> HttpResponse:
    authority = authority_of(request.user, pk)
    form = ReviewForm(request.POST, is_single_handed=standing_of(request.user, authority)[0] == "alone")
    if form.is_valid() and attempt(form, lambda: _decide(authority, request.user, form.cleaned_data)) is not None:
        ring(send_due)
        words = "approved. It is not trusted yet" if form.cleaned_data["decision"] == "approve" else "refused"
        messages.success(request, f"{authority.name} is {words}.")
        return redirect("cas:detail", pk)
    return show(request, authority, form=form)


@require_GET
@allowed("read")
def download(request: SignedInRequest, pk: int, form: str) -> HttpResponse:
    """The certificate as it came (der, pem), or with those above it (chain)."""
    authority = authority_of(request.user, pk)
    wanted = {"pem": [authority], "der": [authority], "chain": authority.chain()}.get(form)
    if wanted is None:
        raise Http404
    ders = [bytes(each.der) for each in wanted]
    body = ders[0] if form == "der" else "".join(map(DER_cert_to_PEM_cert, ders)).encode()
    kind = "application/pkix-cert" if form == "der" else "application/x-pem-file"
    name = slugify(authority.name)[:60] or authority.sha256[:16]
    suffix = {"pem": ".pem", "der": ".cer", "chain": "-chain.pem"}[form]
    disposition = f'attachment; filename="{name}{suffix}"'
    return HttpResponse(body, content_type=kind, headers={"Content-Disposition": disposition})


@require_POST
@allowed("operate_authorities")
def revoke_signing(request: SignedInRequest, pk: int) -> HttpResponse:
    # what is signed has a row of its own, an authority or a certificate, and is revoked there
    row = get_object_or_404(Signing.objects.may_exist(), pk=pk)
    form = RevokeSigningForm(request.POST)
    if not form.is_valid():
        raise Refused("reason-needed", "Choose a reason from the list.")
    operate.give_up(row, actor=request.user, reason=form.cleaned_data["reason"])
    if row.issuer_id:
        ring(renew_list, row.issuer_id)
    messages.success(request, f"Serial {row.serial} is revoked.")
    return redirect("cas:detail", row.issuer_id) if row.issuer_id else redirect("cas:list")


def authority_of(user: User, pk: int) -> Authority:
    visible = Authority.objects.visible_to(user).select_related("vendor", "parent", "key", "submitted_by", "decided_by")
    return get_object_or_404(visible, pk=pk)


def _decide(authority: Authority, actor: User, chosen: dict[str, Any]) -> Authority:
    if chosen["decision"] == "refuse":
        return reviewing.refuse(authority, actor=actor, expected_sha256=chosen["sha256"], reason=chosen["reason"])
    return reviewing.approve(
        authority,
        actor=actor,
        expected_sha256=chosen["sha256"],
        password=chosen.get("password", ""),
        reason=chosen["reason"],
    )


def show(
    request: SignedInRequest, authority: Authority, *, form: ReviewForm | None = None, **forms: Form | None
) -> HttpResponse:
    """The page of `authority`, with the forms that were filled in and refused."""
    user = request.user
    context = {
        "authority": authority,
        "axis": draw_chain(authority, user=user),
        "gateways": Authority.objects.filter(pk=authority.pk).gateway_counts(user)[authority.pk],
        "same_key": _same_key(authority, user),
        "records": _records(authority, user),
        **_review_context(authority, user, form),
        **evidence_context(authority, user, **forms),
        **_signings_context(authority, user),
        "revocation": _revocation_context(authority),
    }
    return page(request, "cas/detail.html", context, status=200)


def _review_context(authority: Authority, user: User, form: ReviewForm | None) -> dict[str, Any]:
    open_to_approval = Authority.objects.open_to(Authority.State.APPROVED).filter(pk=authority.pk)
    if not (user.is_operator and open_to_approval.exists()):
        return {}
    standing, who_else = standing_of(user, authority)
    initial = {"sha256": authority.sha256}
    shown = form or ReviewForm(initial=initial, is_single_handed=standing == "alone")
    return {"form": shown, "standing": standing, "who_else": who_else}


def _signings_context(authority: Authority, user: User) -> dict[str, Any]:
    if not (authority.is_operated and user.sees_all):
        return {}
    made = Signing.objects.filter(issuer=authority).defer("tbs", "der")
    doubtful = made.may_exist()[:SIGNINGS]
    return {"balance": balance_of(authority), "doubtful": doubtful, "revoke_form": RevokeSigningForm()}


def _revocation_context(authority: Authority) -> dict[str, Any]:
    """Where others learn what it revoked; nothing for an authority that is not operated here."""
    if not authority.is_operated:
        return {}
    return {
        "newest": newest_list(authority),
        "signer": OcspSigner.objects.usable_at(clock.now()).filter(authority=authority).first(),
        "list_url": settings.PUBLIC_URL + reverse("crl", args=[authority.sha256]),
        "ocsp_url": settings.PUBLIC_URL + reverse("ocsp"),
    }


def _same_key(authority: Authority, user: User) -> list[Authority]:
    same = Authority.objects.visible_to(user).filter(spki_sha256=authority.spki_sha256).exclude(pk=authority.pk)
    return list(same.listed()[:10])


def _records(authority: Authority, user: User) -> Any:
    records = Record.objects.about("authority", authority.pk)
    if user.is_vendor:
        records = records.of_vendor(user.vendor_id or 0)
    return records[:HISTORY]
