"""Vendors, their people and contacts."""

from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import SignedInRequest, allowed
from accounts.forms import ContactForm, VendorForm, VendorInvitationForm
from accounts.models import Contact, Invitation, Role, Vendor
from accounts.services import invitations, vendors
from audit.models import Record
from core import clock
from core.bell import ring
from core.forms import attempt
from core.pages import page
from outbox.tasks import send_due


@require_GET
@allowed("read_all")
def list_vendors(request: SignedInRequest) -> HttpResponse:
    kinds = {kind: _numbers(kind) for kind in ("gateways", "authorities", "people")}
    rows = [
        {"vendor": vendor, **{kind: numbers.get(vendor.pk, 0) for kind, numbers in kinds.items()}}
        for vendor in Vendor.objects.all()
    ]
    return page(request, "accounts/vendors.html", {"rows": rows})


def _numbers(kind: str) -> dict[int, int]:
    """How many of `kind` each vendor has. One count at a time: together they would multiply each other's rows."""
    return dict(Vendor.objects.order_by().values_list("pk").annotate(Count(kind)))


@require_http_methods(["GET", "POST"])
@allowed("operate")
def create(request: SignedInRequest) -> HttpResponse:
    form = VendorForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        vendor = attempt(form, lambda: vendors.create_vendor(request.user, **form.cleaned_data))
        if vendor:
            messages.success(request, f"Vendor {vendor.name} is there. Invite its people next.")
            return redirect("accounts:vendor", vendor.pk)
    return page(request, "accounts/vendor_form.html", {"form": form})


@require_http_methods(["GET", "POST"])
@allowed("operate")
def edit(request: SignedInRequest, pk: int) -> HttpResponse:
    vendor = get_object_or_404(Vendor.objects.visible_to(request.user), pk=pk)
    known = {"name": vendor.name, "notes": vendor.notes, "reply_to": vendor.reply_to}
    form = VendorForm(request.POST or None, initial=known)
    if request.method == "POST" and form.is_valid():
        changed = attempt(form, lambda: vendors.change_vendor(request.user, vendor, **form.cleaned_data))
        if changed:
            return redirect("accounts:vendor", vendor.pk)
    return page(request, "accounts/vendor_form.html", {"form": form, "vendor": vendor})


@require_GET
@allowed("read_all")
def detail(request: SignedInRequest, pk: int) -> HttpResponse:
    vendor = get_object_or_404(Vendor.objects.visible_to(request.user), pk=pk)
    return _detail(request, vendor, invitation=VendorInvitationForm(), contact=ContactForm(auto_id="contact_%s"))


def _detail(
    request: SignedInRequest, vendor: Vendor, *, invitation: VendorInvitationForm, contact: ContactForm
) -> HttpResponse:
    context = {
        "vendor": vendor,
        "people": vendor.people.order_by("name"),
        "contacts": vendor.contacts.order_by("name"),
        "invitations": Invitation.objects.open_at(clock.now()).filter(vendor=vendor),
        "numbers": {
            "gateways": vendor.gateways.count(),
            "authorities": vendor.authorities.count(),
        },
        "invitation_form": invitation,
        "contact_form": contact,
        "records": Record.objects.of_vendor(vendor.pk)[:12],
    }
    return page(request, "accounts/vendor.html", context)


@require_POST
@allowed("operate")
def invite(request: SignedInRequest, pk: int) -> HttpResponse:
    vendor = get_object_or_404(Vendor.objects.visible_to(request.user), pk=pk)
    form = VendorInvitationForm(request.POST)
    if form.is_valid():
        email = form.cleaned_data["email"]
        if attempt(form, lambda: invitations.invite(request.user, email=email, role=Role.VENDOR, vendor=vendor)):
            ring(send_due)
            messages.success(request, f"{email} is invited. The link works once, for 7 days.")
            return redirect("accounts:vendor", vendor.pk)
    return _detail(request, vendor, invitation=form, contact=ContactForm(auto_id="contact_%s"))


@require_POST
@allowed("hand_in")
def add_contact(request: SignedInRequest, pk: int) -> HttpResponse:
    """By an operator, or by the vendor's own people."""
    vendor = get_object_or_404(Vendor.objects.visible_to(request.user), pk=pk)
    form = ContactForm(request.POST, auto_id="contact_%s")
    added = None
    if form.is_valid():
        added = attempt(form, lambda: vendors.add_contact(request.user, vendor, **form.cleaned_data))
    if added:
        return _contacts_of(request, vendor)
    if not request.user.is_operator:
        for errors in form.errors.values():
            messages.error(request, " ".join(map(str, errors)))
        return _contacts_of(request, vendor)
    return _detail(request, vendor, invitation=VendorInvitationForm(), contact=form)


@require_POST
@allowed("hand_in")
def remove_contact(request: SignedInRequest, pk: int, contact_pk: int) -> HttpResponse:
    vendor = get_object_or_404(Vendor.objects.visible_to(request.user), pk=pk)
    contact = get_object_or_404(Contact.objects.select_related("vendor"), pk=contact_pk, vendor=vendor)
    vendors.remove_contact(request.user, contact)
    return _contacts_of(request, vendor)


def _contacts_of(request: SignedInRequest, vendor: Vendor) -> HttpResponse:
    """Back to where the person sees them."""
    return redirect("accounts:vendor", vendor.pk) if request.user.is_operator else redirect("accounts:account")


@require_POST
@allowed("operate")
def revoke_invitation(request: SignedInRequest, pk: int) -> HttpResponse:
    invitation = get_object_or_404(Invitation, pk=pk)
    invitations.revoke_invitation(request.user, invitation)
    messages.success(request, f"The invitation of {invitation.email} is revoked.")
    return _back_to(invitation)


@require_POST
@allowed("operate")
def invite_again(request: SignedInRequest, pk: int) -> HttpResponse:
    invitation = get_object_or_404(Invitation, pk=pk)
    invitations.invite_again(request.user, invitation)
    ring(send_due)
    messages.success(request, f"{invitation.email} gets a new link; the earlier one no longer works.")
    return _back_to(invitation)


def _back_to(invitation: Invitation) -> HttpResponse:
    if invitation.vendor_id:
        return redirect("accounts:vendor", invitation.vendor_id)
    return redirect("accounts:settings")
