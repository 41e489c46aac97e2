"""Pages of the rules: who is told at which thresholds, and what a rule would do before it stands."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import SignedInRequest, allowed
from accounts.models import Vendor
from alerts.ladder import USUAL, Ladder, share_name
from alerts.models import Kind, Rule
from alerts.rule_forms import RuleForm
from alerts.services.preview import DAYS, preview
from alerts.services.rule_changes import drafted, remove_rule, save_rule
from alerts.services.sample_mail import first_mail
from alerts.subjects import threshold_in_words
from core import clock
from core.forms import attempt
from core.pages import page
from core.patience import TooSlow
from outbox.models import Message

MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox"


@require_GET
@allowed("read_all")
def list_rules(request: SignedInRequest) -> HttpResponse:
    rules = Rule.objects.select_related("vendor", "changed_by").most_specific_first()
    rows = [(rule, _steps(rule.days, [f"{share}%" for share in rule.shares])) for rule in rules]
    return page(request, "alerts/rules.html", {"rules": rows, "usual": [(kind, _usual(kind)) for kind in Kind]})


@require_http_methods(["GET", "POST"])
@allowed("set_alert_rules")
def new_rule(request: SignedInRequest) -> HttpResponse:
    return _rule(request, None)


@require_http_methods(["GET", "POST"])
@allowed("set_alert_rules")
def change_rule(request: SignedInRequest, pk: int) -> HttpResponse:
    return _rule(request, get_object_or_404(Rule, pk=pk))


@require_POST
@allowed("set_alert_rules")
def remove(request: SignedInRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(Rule, pk=pk)
    remove_rule(request.user, rule)
    messages.success(request, f"The rule for {rule} is gone. What it was about is told by the next one, or as usual.")
    return redirect("alerts:rules")


@require_GET
@allowed("set_alert_rules")
def mail(request: SignedInRequest) -> HttpResponse:
    """The mail of a day (else of the first with one) under the rule as it was typed, as it would look: nothing of it
    runs or is loaded."""
    form = RuleForm(request.GET)
    if not form.is_valid():
        raise Http404
    draft = drafted(form.wish, _instead_of(request.GET.get("instead_of", "")))
    asked = _day(request.GET["day"]) if "day" in request.GET else preview(draft, clock.now()).first
    shown = _mail(request, form, draft, asked)
    if shown is None:
        raise Http404
    response = HttpResponse(shown.html)
    response["Content-Security-Policy"] = MAIL_POLICY
    return response


def _usual(kind: Kind) -> list[tuple[str, str]]:
    """For which lives, and the thresholds of those."""
    return [
        (_lives(ladder), _steps(ladder.days, [share_name(share) for share in ladder.shares])) for ladder in USUAL[kind]
    ]


def _lives(ladder: Ladder) -> str:
    if ladder.lives_over:
        return f"lives over {ladder.lives_over.days} days"
    return f"lives up to {ladder.lives_up_to.days} days" if ladder.lives_up_to else ""


def _steps(days: Sequence[int], shares: Sequence[str]) -> str:
    """`a third of its life, 14, 7, 3, 1 days, the end`."""
    steps = [threshold_in_words(share) for share in shares]
    steps += [f"{', '.join(map(str, days))} day{'' if list(days) == [1] else 's'}"] if days else []
    return ", ".join([*steps, "the end"])


def _rule(request: SignedInRequest, rule: Rule | None) -> HttpResponse:
    """First what it would do, out of what stands in the address; then it is saved."""
    typed = request.POST if request.method == "POST" else request.GET if "kind" in request.GET else None
    form = RuleForm(typed, initial=RuleForm.typed_of(rule) if rule else None)
    draft = attempt(form, lambda: drafted(form.wish, rule)) if form.is_valid() else None
    if draft and request.method == "POST":
        saved = attempt(form, lambda: save_rule(request.user, draft))
        if saved:
            messages.success(request, f"The rule for {saved} stands from the next look on.")
            return redirect("alerts:rules")
    context: dict[str, Any] = {"form": form, "rule": rule, "days": DAYS, **_foreseen(request, form, draft, rule)}
    return page(request, "alerts/rule.html", context, status=400 if form.errors else 200)


def _foreseen(request: SignedInRequest, form: RuleForm, draft: Rule | None, rule: Rule | None) -> dict[str, Any]:
    if draft is None or form.errors:
        return {}
    typed = {name: "" if value is None else value for name, value in RuleForm.typed_of(draft).items()}
    query = urlencode({**typed, "instead_of": rule.pk if rule else ""})
    context = {"draft": draft, "draft_values": typed.items(), "mail_url": f"{reverse('alerts:rule_mail')}?{query}"}
    try:
        found = preview(draft, clock.now())
        return {**context, "preview": found, "mail": _mail(request, form, draft, found.first)}
    except TooSlow as slow:
        return {**context, "too_slow": slow}


def _mail(request: SignedInRequest, form: RuleForm, draft: Rule, first: date | None) -> Message | None:
    """What operators would read on the first day with something to tell; of a rule about a vendor, its people."""
    if first is None:
        return None
    vendor: Vendor | None = form.cleaned_data["vendor"]
    return first_mail(draft, first, clock.now(), vendor=vendor, to=request.user.email)


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:  # no such day
        return None


def _instead_of(text: str) -> Rule | None:
    return Rule.objects.filter(pk=int(text)).first() if text.isascii() and text.isdecimal() and len(text) < 18 else None
