"""Settings of the deployment, its operators and auditors, and everybody's own account."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import reauthentication
from accounts.access import SignedInRequest, allowed
from accounts.forms import (
    ChangePasswordForm,
    ContactForm,
    NameForm,
    ReauthenticateForm,
    SettingsForm,
    StaffInvitationForm,
)
from accounts.models import Deployment, Invitation, User
from accounts.services import invitations, people
from accounts.services.deployment import change_deployment
from core import clock
from core.bell import ring
from core.forms import attempt
from core.pages import page
from outbox.tasks import send_due


@require_http_methods(["GET", "POST"])
@allowed("read_all")
def settings(request: SignedInRequest) -> HttpResponseBase:
    if request.method == "POST":
        return _save_settings(request)
    return _settings(request, _settings_form(_deployment()), StaffInvitationForm())


def _deployment() -> Deployment:
    return Deployment.objects.first() or Deployment(name="certadmin")


def _settings_form(deployment: Deployment) -> SettingsForm:
    initial = {
        "deployment_name": deployment.name,
        "cups_uri": deployment.cups_uri,
        "cups_trust": deployment.cups_trust,
        "default_lifetime_days": deployment.default_lifetime_days,
    }
    return SettingsForm(initial=initial)


@allowed("operate")
def _save_settings(request: SignedInRequest) -> HttpResponseBase:
    form = SettingsForm(request.POST, request.FILES)
    if not form.is_valid():
        return _settings(request, form, StaffInvitationForm())
    changed = change_deployment(request.user, form.fill(_deployment()))
    messages.success(request, f"Saved: {', '.join(changed)}." if changed else "Nothing was different.")
    return redirect("accounts:settings")


def _settings(request: SignedInRequest, form: SettingsForm, invitation: StaffInvitationForm) -> HttpResponse:
    context = {
        "form": form,
        "invitation_form": invitation,
        "staff": User.objects.filter(vendor__isnull=True).order_by("-is_active", "name"),
        "invitations": Invitation.objects.open_at(clock.now()).filter(vendor__isnull=True),
    }
    return page(request, "accounts/settings.html", context)


@require_POST
@allowed("operate")
def invite(request: SignedInRequest) -> HttpResponse:
    form = StaffInvitationForm(request.POST)
    sent = attempt(form, lambda: invitations.invite(request.user, **form.cleaned_data)) if form.is_valid() else None
    if sent:
        ring(send_due)
        messages.success(request, f"{form.cleaned_data['email']} is invited. The link works once, for 7 days.")
        return redirect("accounts:settings")
    return _settings(request, _settings_form(_deployment()), form)


@require_POST
@allowed("operate")
def deactivate(request: SignedInRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(User, pk=pk)
    people.deactivate(request.user, person)
    ring(send_due)
    messages.success(request, f"{person.name} can no longer sign in.")
    return _back_to(person)


@require_POST
@allowed("operate")
def activate(request: SignedInRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(User, pk=pk)
    people.activate(request.user, person)
    ring(send_due)
    messages.success(request, f"{person.name} can sign in again.")
    return _back_to(person)


def _back_to(person: User) -> HttpResponse:
    return redirect("accounts:vendor", person.vendor_id) if person.vendor_id else redirect("accounts:settings")


@require_http_methods(["GET", "POST"])
@allowed("read")
@sensitive_post_parameters("old", "password", "again")
def account(request: SignedInRequest) -> HttpResponse:
    """One's own name and password, each with a form of its own."""
    changes_password = "old" in request.POST
    renames = request.method == "POST" and not changes_password
    name = NameForm(request.POST if renames else None, initial={"name": request.user.name})
    password = ChangePasswordForm(request.POST if changes_password else None)
    if request.method == "POST" and (_new_password(request, password) if changes_password else _renamed(request, name)):
        return redirect("accounts:account")
    context = {"name_form": name, "password_form": password, **_contacts(request.user)}
    return page(request, "accounts/account.html", context)


def _contacts(user: User) -> dict[str, object]:
    """Whom the mails of the person's own vendor go to besides its people."""
    if user.vendor is None:
        return {}
    return {"contacts": user.vendor.contacts.order_by("name"), "contact_form": ContactForm(auto_id="contact_%s")}


def _renamed(request: SignedInRequest, form: NameForm) -> bool:
    if not form.is_valid():
        return False
    people.rename(request.user, name=form.cleaned_data["name"])
    messages.success(request, "Saved.")
    return True


def _new_password(request: SignedInRequest, form: ChangePasswordForm) -> bool:
    if not form.is_valid():
        return False
    data = form.cleaned_data
    attempt(form, lambda: people.change_password(request.user, old=data["old"], new=data["password"]))
    if form.errors:
        return False
    update_session_auth_hash(request, request.user)
    ring(send_due)
    messages.success(request, "Your password is changed. All other sessions are signed out.")
    return True


@require_http_methods(["GET", "POST"])
@allowed("read")
@sensitive_post_parameters("password")
def reauthenticate(request: SignedInRequest) -> HttpResponse:
    """The password again; then back to where it was asked for."""
    form = ReauthenticateForm(request.POST or None)
    asked = request.POST.get("next") or request.GET.get("next") or "/"
    back = asked if url_has_allowed_host_and_scheme(asked, allowed_hosts=None) else "/"
    if request.method == "POST" and form.is_valid():
        attempt(form, lambda: reauthentication.confirm(request, form.cleaned_data["password"]))
        if not form.errors:
            return redirect(back)
    return page(request, "accounts/reauthenticate.html", {"form": form, "next": back})
