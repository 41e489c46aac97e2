"""Preflight: would The Things Stack accept this gateway, and which rule decides?"""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import SignedInRequest, allowed
from certificates.models import Certificate
from core.forms import attempt
from core.pages import page
from gateways.models import Gateway
from trust.forms import PreflightForm
from trust.services import verdicts
from trust.services.drafts import newest_release
from trust.services.explaining import go_through, headline, tone
from trust.services.groups import common
from trust.services.releases import published_release


@require_http_methods(["GET", "POST"])
@allowed("read")
def preflight(request: SignedInRequest) -> HttpResponse:
    """The form, with an EUI from the address; and the verdict beside it. Nothing is stored."""
    form = PreflightForm(request.POST or None, request.FILES or None, initial={"leaf": request.GET.get("eui", "")})
    context: dict[str, Any] = {"form": form, **_choices()}
    if request.method == "POST" and form.is_valid():
        context |= attempt(form, lambda: _answer(request, form)) or {}
    return page(request, "trust/preflight.html", context)


@require_GET
@allowed("read")
def of_gateway(request: SignedInRequest, pk: int) -> HttpResponse:
    """The verdict on a gateway's current certificate: a part of the gateway's page."""
    gateway = get_object_or_404(Gateway.objects.visible_to(request.user), pk=pk)
    context: dict[str, Any] = {"gateway": gateway}
    if Certificate.objects.filter(gateway=gateway).exists():
        against = verdicts.published(common())
        verdict = verdicts.judge(verdicts.of_gateway(gateway), against)
        context |= {"verdict": verdict, "headline": headline(verdict), "tone": tone(verdict), "against": against}
    return page(request, "trust/_gateway_preflight.html", context)


def _answer(request: SignedInRequest, form: PreflightForm) -> dict[str, Any]:
    content = form.content()
    if content is not None:
        subject = verdicts.of_file(content, viewer=request.user)
    else:
        subject = verdicts.of_text(form.cleaned_data["leaf"], viewer=request.user)
    is_draft = form.cleaned_data["against"] == PreflightForm.DRAFT
    against = verdicts.draft(common()) if is_draft else verdicts.published(common())
    verdict = verdicts.judge(subject, against, at=form.instant)
    return {
        "subject": subject,
        "against": against,
        "verdict": verdict,
        "headline": headline(verdict),
        "tone": tone(verdict),
        "rules": go_through(verdict),
        "at": form.cleaned_data["at"],
        "authority": verdicts.authority_of(verdict, viewer=request.user),
    }


def _choices() -> dict[str, Any]:
    group = common()
    newest = newest_release(group)
    return {"published": published_release(group), "next_number": newest.number + 1 if newest else 1}
