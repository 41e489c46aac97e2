"""The pages before somebody is signed in: the first set-up, and invitations."""

from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from accounts import reauthentication
from accounts.access import SignedInRequest, allowed
from accounts.forms import AcceptForm, SetupForm
from accounts.models import Deployment, User
from accounts.services import invitations, setup
from core.forms import attempt
from core.pages import page

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_post_parameters("password", "again")
def set_up(request: HttpRequest, token: str) -> HttpResponse:
    """The first operator and the deployment's name. Once there is an operator, the address does not exist."""
    if not setup.opens_setup(token):
        raise Http404
    form = SetupForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        operator = attempt(form, lambda: _operator(token, form))
        if operator:
            _enter(request, operator)
            return redirect("welcome")
    return page(request, "accounts/setup.html", {"form": form})


@require_GET
@allowed("operate")
def welcome(request: SignedInRequest) -> HttpResponse:
    """After the set-up: with the demonstration, or with an empty desk?"""
    return page(request, "accounts/welcome.html", {})


def _operator(token: str, form: SetupForm) -> User:
    data = form.cleaned_data
    deployment = form.fill(Deployment.objects.first() or Deployment())
    return setup.set_up(token, email=data["email"], name=data["name"], password=data["password"], deployment=deployment)


@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_post_parameters("password", "again")
def accept(request: HttpRequest, token: str) -> HttpResponse:
    invitation = invitations.open_invitation(token)
    form = AcceptForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        user = attempt(form, lambda: invitations.accept(token, name=data["name"], password=data["password"]))
        if user:
            _enter(request, user)
            return redirect("overview")
    return page(request, "accounts/accept.html", {"form": form, "invitation": invitation})


def _enter(request: HttpRequest, user: User) -> None:
    """Sign in; the session's key changes with it."""
    login(request, user, backend=BACKEND)
    reauthentication.note(request)
