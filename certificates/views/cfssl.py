"""Files of cfssl: first what they become, then the act."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.access import SignedInRequest, allowed
from accounts.forms import in_words
from cas.models import Authority
from cas.tasks import renew_list
from certificates.cfssl_forms import CfsslAuthorityForm, CfsslForm, CfsslProfilesForm
from certificates.server_forms import ATTRIBUTES, ServerForm
from certificates.services import cfssl
from core import clock
from core.bell import ring
from core.errors import Refused
from core.forms import attempt
from core.pages import page
from pki.cfssl import Reading, ServerRequest, read_cfssl
from pki.errors import PkiError

KINDS = {"eui": "Gateways", "hosts": "Servers"}


@require_http_methods(["GET", "POST"])
@sensitive_post_parameters("pasted", "content")
@allowed("operate")
def import_cfssl(request: SignedInRequest) -> HttpResponse:
    """Nothing is written before what it becomes was shown."""
    step = request.POST.get("step", "")
    if step == "authority":
        return _authority(request)
    if step == "profiles":
        return _profiles(request)
    form = CfsslForm(request.POST if request.method == "POST" else None, request.FILES or None)
    if form.is_valid() and form.reading is not None:
        return _preview(request, form.reading, _proposal(form.reading, form.content))
    return page(request, "certificates/cfssl.html", {"form": form})


def _preview(request: SignedInRequest, reading: Reading, form: Any) -> HttpResponse:
    context = {
        "reading": reading,
        "form": form,
        "profiles": [(each, KINDS.get(each.naming, "Authorities"), _lives(each.days)) for each in reading.profiles],
        "has_authority": Authority.objects.usable_for_servers_at(clock.now()).exists(),
    }
    return page(request, "certificates/cfssl_preview.html", context)


def _lives(days: tuple[int, ...]) -> str:
    return ", ".join(map(in_words, days))


def _proposal(reading: Reading, content: str) -> Any:
    """The form that is filled in with what was read."""
    if reading.authority is not None:
        return CfsslAuthorityForm(initial={**CfsslAuthorityForm.values_of(reading.authority), "content": content})
    if reading.server is not None:
        return ServerForm(initial=_server(reading.server))
    return CfsslProfilesForm(reading=reading, initial={"content": content})


def _server(asked: ServerRequest) -> dict[str, object]:
    wish = cfssl.wish_of(asked)
    names = {ATTRIBUTES[name]: value for name, value in wish.names}
    return {
        "hosts": "\n".join(wish.hosts),
        "shape": f"{wish.profile}:{wish.lifetime_days}",
        "key_type": wish.key_type,
        "idempotency_key": uuid.uuid4().hex,
        **names,
    }


def _authority(request: SignedInRequest) -> HttpResponse:
    reading = _again(request, is_authority=True)
    form = CfsslAuthorityForm(request.POST)
    if form.is_valid():
        with_servers = form.cleaned_data["with_servers"]
        made = attempt(form, lambda: cfssl.make_authority(request.user, form.plan, with_servers=with_servers))
        if made:
            for authority in filter(None, made):
                ring(renew_list, authority.pk)
            messages.success(request, f"{' and '.join(each.name for each in made if each)} made.")
            return redirect("cas:detail", (made[1] or made[0]).pk)
    return _preview(request, reading, form)


def _profiles(request: SignedInRequest) -> HttpResponse:
    reading = _again(request)
    form = CfsslProfilesForm(request.POST, reading=reading)
    if form.is_valid():
        chosen = [each for each in reading.profiles if each.name in form.cleaned_data["chosen"]]
        made = attempt(form, lambda: cfssl.make_profiles(request.user, chosen))
        if made is not None:
            said = ", ".join(f"{each.name} version {each.version}" for each in made)
            messages.success(request, f"Made: {said}." if made else "All of it is there already.")
            return redirect("profiles:list")
    return _preview(request, reading, form)


def _again(request: SignedInRequest, *, is_authority: bool | None = None) -> Reading:
    """What was shown, read from the same text."""
    try:
        return read_cfssl(request.POST.get("content", "").encode(errors="replace"), is_authority=is_authority)
    except PkiError as error:
        raise Refused(error.code, error.message) from error
