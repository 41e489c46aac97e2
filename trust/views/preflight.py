"""Preflight: would the network accept this gateway, and which rule decides?"""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import SignedInRequest, allowed
from certificates.models import Certificate
from core import clock
from core.pages import page
from gateways.models import Gateway
from pki.preflight import Verdict
from trust.forms import PreflightForm
from trust.services import verdicts
from trust.services.groups import common
from trust.services.verdicts import Candidate

RULES = (  # in The Things Stack's own order
    ("bundle_unreadable", "The bundle can be read when the server starts"),
    ("cn_mismatch", "The name is the EUI: 16 upper-case digits"),
    ("no_ca_pool", "The bundle holds at least one authority"),
    ("unknown_authority", "The issuing CA itself is in the bundle"),
    ("not_a_ca", "The issuing certificate may sign others"),
    ("incompatible_key_usage", "clientAuth is allowed along the path"),
    ("leaf_expired", "The certificate is in date"),
    ("authority_expired", "Its authority is in date"),
)
_SAME = {"leaf_not_yet_valid": "leaf_expired", "authority_not_yet_valid": "authority_expired"}


@require_http_methods(["GET", "POST"])
@allowed("read")
def preflight(request: SignedInRequest) -> HttpResponse:
    """The form by itself or with an EUI in the address; with POST the verdict beside it. Nothing is stored."""
    form = PreflightForm(request.POST or None, request.FILES or None, initial={"eui": request.GET.get("eui", "")})
    context: dict[str, object] = {"form": form}
    if request.method == "POST" and form.is_valid():
        context |= _answer(request, form)
    return page(request, "trust/preflight.html", context)


def _answer(request: SignedInRequest, form: PreflightForm) -> dict[str, object]:
    eui, leaf = form.cleaned_data["eui"] or None, form.content()
    if not leaf.strip():
        gateway = Gateway.objects.visible_to(request.user).filter(eui=eui).first()
        current = _current(gateway) if gateway else None
        if current is None:
            form.add_error("eui", "No gateway of yours with this EUI has a certificate in force here. Paste one.")
            return {}
        leaf = bytes(current.der)
    elif not verdicts.may_ask(request.user, leaf, eui):
        form.add_error(None, "You can ask about your own gateways only.")
        return {}
    candidate = _candidate(form.cleaned_data["against"])
    return _verdict(verdicts.decide(leaf, eui=eui, candidate=candidate, at=form.cleaned_data["at"]), candidate)


def _candidate(against: str) -> Candidate:
    return verdicts.of_draft(common()) if against == PreflightForm.DRAFT else verdicts.of_release(common())


def _verdict(verdict: Verdict, candidate: Candidate) -> dict[str, object]:
    decisive = _SAME.get(verdict.rule, verdict.rule)
    names = [name for name, _ in RULES]
    reached = names.index(decisive) if decisive in names else (len(names) if verdict.accepted else 0)
    states = ["good"] * reached + ["hit"] + ["off"] * len(names)
    rules = [(name, words, state) for (name, words), state in zip(RULES, states, strict=False)]
    return {"verdict": verdict, "candidate": candidate, "rules": rules}


@require_GET
@allowed("read")
def gateway_preflight(request: SignedInRequest, pk: int) -> HttpResponse:
    """The verdicts on a gateway's current certificate: a part of the gateway's page."""
    gateway = get_object_or_404(Gateway.objects.visible_to(request.user), pk=pk)
    current = _current(gateway)
    if current is None:
        return page(request, "trust/_gateway_preflight.html", {"gateway": gateway})
    candidates = [verdicts.of_release(common()), verdicts.of_draft(common())]
    answers = [(each, verdicts.decide(bytes(current.der), eui=gateway.eui, candidate=each)) for each in candidates]
    return page(request, "trust/_gateway_preflight.html", {"gateway": gateway, "answers": answers})


def _current(gateway: Gateway) -> Certificate | None:
    """What the gateway presents: in force, ending last; else the last one that it had."""
    own = Certificate.objects.filter(gateway=gateway)
    return own.in_force(clock.now()).order_by("-not_after").first() or own.order_by("-not_after").first()
