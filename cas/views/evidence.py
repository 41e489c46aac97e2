"""Giving evidence on an authority's page, and doing without."""

from ssl import DER_cert_to_PEM_cert

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from accounts.access import SignedInRequest, allowed
from cas.checklist import standing_of
from cas.forms import EvidenceForm, WaiveForm
from cas.models import Authority
from cas.services import proving, trying, waiving
from cas.services.evidence import What, certificate_of
from cas.views.details import authority_of, show
from core.forms import attempt


@require_POST
@allowed("hand_in")
def make_code(request: SignedInRequest, pk: int) -> HttpResponse:
    proving.make_code(request.user, authority_of(request.user, pk))
    return _back(pk)


@sensitive_post_parameters()
@require_POST
@allowed("hand_in")
def prove(request: SignedInRequest, pk: int) -> HttpResponse:
    authority = authority_of(request.user, pk)
    form = EvidenceForm(request.POST, request.FILES, auto_id="proof_%s")
    if form.is_valid() and attempt(form, lambda: proving.prove(request.user, authority, form.content)) is not None:
        messages.success(request, f"Proven: {authority.vendor} holds the key of {authority.name}.")
        return _back(pk)
    return show(request, authority, proof_form=form)


@sensitive_post_parameters()
@require_POST
@allowed("hand_in")
def try_leaf(request: SignedInRequest, pk: int) -> HttpResponse:
    authority = authority_of(request.user, pk)
    form = EvidenceForm(request.POST, request.FILES, auto_id="leaf_%s")
    leaf = attempt(form, lambda: trying.try_leaf(request.user, authority, form.content)) if form.is_valid() else None
    if leaf is None:
        return show(request, authority, leaf_form=form)
    if leaf.accepted:
        messages.success(request, f"{leaf.name} would be accepted.")
    else:
        messages.warning(request, f"{leaf.name} would be refused: the reason stands below.")
    return _back(pk)


@sensitive_post_parameters("password")
@require_POST
@allowed("review_authorities")
def waive(request: SignedInRequest, pk: int) -> HttpResponse:
    authority = authority_of(request.user, pk)
    is_single_handed = standing_of(request.user, authority)[0] == "alone"
    form = WaiveForm(request.POST, is_single_handed=is_single_handed)
    form.auto_id = f"waive-{form['what'].value()}_%s"
    if form.is_valid() and attempt(form, lambda: _waive(request, authority, form)) is not None:
        messages.success(request, f"Waived: {What(form.cleaned_data['what']).label.lower()} of {authority.name}.")
        return _back(pk)
    return show(request, authority, waive_form=form)


@require_GET
@allowed("read")
def download(request: SignedInRequest, pk: int, sha256: str) -> HttpResponse:
    """A certificate that was given as evidence, as PEM."""
    der = certificate_of(authority_of(request.user, pk), sha256)
    if der is None:
        raise Http404
    disposition = f'attachment; filename="evidence-{sha256[:16]}.pem"'
    body = DER_cert_to_PEM_cert(der).encode()
    return HttpResponse(body, content_type="application/x-pem-file", headers={"Content-Disposition": disposition})


def _waive(request: SignedInRequest, authority: Authority, form: WaiveForm) -> object:
    chosen = form.cleaned_data
    password = chosen.get("password", "")
    return waiving.waive(request.user, authority, What(chosen["what"]), reason=chosen["reason"], password=password)


def _back(pk: int) -> HttpResponse:
    return redirect(f"{reverse('cas:detail', args=[pk])}#evidence")
