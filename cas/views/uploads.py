"""Handing in: choose, check, hand in. Nothing is kept between the steps: the page carries what was understood."""

from collections.abc import Iterable
from ssl import DER_cert_to_PEM_cert
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.access import SignedInRequest, allowed
from accounts.models import Vendor
from cas.forms import VendorForm
from cas.services import intake
from cas.services.intake import HandIn
from cas.understood import understand
from core.bell import ring
from core.forms import attempt
from core.pages import page
from outbox.tasks import send_due
from pki.findings import refuses
from pki.inspection import Inspection
from pki.intake import UploadedFile, read_files

PASTED = "pasted text"
PRIVATE_KEY = "private-key"  # what holds one is not even shown again


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@allowed("hand_in")
def upload(request: SignedInRequest) -> HttpResponse:
    form = VendorForm(request.POST or None, user=request.user, initial={"vendor": request.GET.get("vendor")})
    files = _files(request)
    if not files:
        return _choose(request, form)
    inspection = intake.inspect_upload(request.user, files)
    if not inspection.certificates:
        return _choose(request, form, inspection)
    vendor = _chosen_vendor(request, form)
    if "hand_in" in request.POST and vendor is not None:
        done = attempt(form, lambda: intake.hand_in(request.user, vendor, files))
        if done:
            return _thank(request, done, vendor)
    return _check(request, form, inspection)


def _choose(request: SignedInRequest, form: VendorForm, inspection: Inspection | None = None) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "step": 1, "is_empty": request.method == "POST" and inspection is None}
    if inspection is not None:
        context["findings"] = inspection.findings
        if all(finding.code != PRIVATE_KEY for finding in inspection.findings):
            context["pasted"] = request.POST.get("pasted", "")
    return page(request, "cas/upload.html", context)


def _check(request: SignedInRequest, form: VendorForm, inspection: Inspection) -> HttpResponse:
    refused = [each.facts.sha256 for each in inspection.certificates if refuses(each.findings)]
    context: dict[str, Any] = {
        "form": form,
        "step": 2,
        "understood": understand(inspection),
        "carried": _by_file(inspection),
        "refused": " ".join(refused) if len(refused) < len(inspection.certificates) else "",
        "vendor": _chosen_vendor(request, form),
    }
    return page(request, "cas/check.html", context)


def _thank(request: SignedInRequest, done: HandIn, vendor: Vendor) -> HttpResponse:
    ring(send_due)
    messages.success(request, _in_words(done))
    if len(done.authorities) == 1:
        return redirect("cas:detail", done.authorities[0].pk)
    only_theirs = f"?vendor={vendor.pk}" if request.user.sees_all else ""
    return redirect(f"{reverse('cas:list')}{only_theirs}")


def _in_words(done: HandIn) -> str:
    count = len(done.authorities)
    words = []
    if count:
        named, opened = ("authority", "it") if count == 1 else ("authorities", "each")
        words.append(f"{count} {named} handed in. Next, on the page of {opened}: prove that its key is at hand.")
    if done.known:
        words.append(f"{done.known} {'was' if done.known == 1 else 'were'} on record already and added nothing.")
    if done.leaves:
        words.append(f"{done.leaves} test {'leaf' if done.leaves == 1 else 'leaves'} kept.")
    return " ".join(words) or "Nothing new was in this upload."


def _files(request: SignedInRequest) -> list[UploadedFile]:
    """What came with this request: carried over from the step before, chosen, dropped or pasted."""
    files = [*_carried(request), *_chosen(request)]
    pasted = request.POST.get("pasted", "")
    if pasted.strip():
        files.append(UploadedFile(PASTED, pasted.encode(errors="replace")))
    return files


def _carried(request: SignedInRequest) -> Iterable[UploadedFile]:
    """Files of the step before, without what the person took out."""
    left_out = frozenset(request.POST.get("leave_out", "").split())
    names, pems = request.POST.getlist("carried_name"), request.POST.getlist("carried_pem")
    for index, (name, pem) in enumerate(zip(names, pems, strict=False)):
        file = _without(UploadedFile(name, pem.encode(errors="replace")), left_out)
        if file.content.strip() and request.POST.get("leave_out_file") != str(index):
            yield file


def _without(file: UploadedFile, left_out: frozenset[str]) -> UploadedFile:
    found = read_files([file]).certificates
    if not left_out or not found:  # what is not understood is inspected as it is, and refused there
        return file
    kept = (each.der for each in found if each.facts.sha256 not in left_out)
    return UploadedFile(file.name, "".join(map(DER_cert_to_PEM_cert, kept)).encode())


def _chosen(request: SignedInRequest) -> list[UploadedFile]:
    return [UploadedFile(each.name or "file", each.read()) for each in request.FILES.getlist("files")]


def _by_file(inspection: Inspection) -> list[dict[str, Any]]:
    """The understood certificates as PEM, per file, to be carried to the next step. A private key never gets here:
    with one in it, an upload has no understood certificates."""
    files: dict[str, list[str]] = {}
    for each in inspection.certificates:
        files.setdefault(each.file, []).append(DER_cert_to_PEM_cert(each.facts.der))
    return [{"name": name, "pem": "".join(pems), "count": len(pems)} for name, pems in files.items()]


def _chosen_vendor(request: SignedInRequest, form: VendorForm) -> Vendor | None:
    if request.user.vendor is not None:
        return request.user.vendor
    return form.cleaned_data.get("vendor") if form.is_bound and form.is_valid() else None
