"""Preflight: would The Things Stack accept this gateway, and which rule decides?"""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import SignedInRequest, allowed
from accounts.models import User
from certificates.models import Certificate
from certificates.services.policy import policy_of
from core.forms import attempt
from core.pages import page
from core.templatetags.ui import day
from gateways.models import Gateway
from pki.csr import inspect_csr
from trust.forms import PreflightForm
from trust.models import Cluster, Release
from trust.services import verdicts
from trust.services.drafts import newest_release
from trust.services.explaining import go_through, headline, tone
from trust.services.gateway_side import gateway_side
from trust.services.groups import common
from trust.services.releases import published_release
from trust.services.verdicts import Against

LIVE, RELEASE = "live", "release"
PAST = 20
CSR_MARK = b"CERTIFICATE REQUEST-----"


@require_http_methods(["GET", "POST"])
@allowed("read")
def preflight(request: SignedInRequest) -> HttpResponse:
    """The form, with an EUI from the address; and the verdict beside it. Nothing is stored."""
    initial, choices = {"leaf": request.GET.get("eui", "")}, _choices(request.user)
    form = PreflightForm(request.POST or None, request.FILES or None, initial=initial, choices=choices)
    context: dict[str, Any] = {"form": form}
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
        against = verdicts.in_use(common())
        verdict = verdicts.judge(verdicts.of_gateway(gateway), against)
        context |= {"verdict": verdict, "headline": headline(verdict), "tone": tone(verdict), "against": against}
    return page(request, "trust/_gateway_preflight.html", context)


def _answer(request: SignedInRequest, form: PreflightForm) -> dict[str, Any]:
    against = _against(request.user, form.cleaned_data["against"])
    content = form.content() or form.cleaned_data["leaf"].encode()
    if CSR_MARK in content:
        return _answer_csr(request, content, against)
    if form.cleaned_data.get("file"):
        subject = verdicts.of_file(content, viewer=request.user)
    else:
        subject = verdicts.of_text(form.cleaned_data["leaf"], viewer=request.user)
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
        "side": verdicts.gateway_side_of(subject),
    }


def _answer_csr(request: SignedInRequest, content: bytes, against: Against) -> dict[str, Any]:
    """What would come of a request: whether it can be issued, by whom, and whether that authority is trusted."""
    asked = inspect_csr(content)
    gateway = Gateway.objects.visible_to(request.user).filter(eui=asked.common_name).select_related("vendor").first()
    issuer = policy_of(gateway.vendor).authority if gateway else None
    side = gateway_side(name=asked.common_name, public_key=asked.public_key_der) if asked.public_key_der else ()
    is_trusted = issuer is not None and bytes(issuer.der) in against.certificates
    found = {"asked": asked, "gateway": gateway, "issuer": issuer, "is_trusted": is_trusted}
    return {"csr": found, "against": against, "side": side}


def _against(viewer: User, chosen: str) -> Against:
    kind, _, pk = chosen.partition(":")
    if kind == LIVE:
        return verdicts.live(get_object_or_404(Cluster.objects.listed(), pk=pk))
    if kind == RELEASE and viewer.sees_all:
        return verdicts.of_release(get_object_or_404(Release.objects.select_related("group"), pk=pk))
    return verdicts.draft(common()) if kind == PreflightForm.DRAFT else verdicts.published(common())


def _choices(viewer: User) -> list[tuple[str, str]]:
    """What is live in each cluster, what is published, what would be, and for staff what was."""
    group = common()
    newest, published = newest_release(group), published_release(group)
    number = newest.number + 1 if newest else 1
    label = f"Published, release {published.number}" if published else "Published: nothing yet"
    found = [(PreflightForm.PUBLISHED, label), (PreflightForm.DRAFT, f"Would be release {number}")]
    live = Cluster.objects.listed().filter(live__group=group)
    found += [(f"{LIVE}:{each.pk}", f"Live in {each.name}, release {_number(each)}") for each in live]
    if viewer.sees_all:
        past = Release.objects.of(group).order_by("-number").values_list("pk", "number", "released_at")[:PAST]
        found += [(f"{RELEASE}:{pk}", f"Release {number} of {day(at)}") for pk, number, at in past]
    return found


def _number(cluster: Cluster) -> int:
    return cluster.live.number if cluster.live else 0
