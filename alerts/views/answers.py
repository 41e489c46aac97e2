"""An alert's own page, and what people answer: on it, or to many at once."""

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import SignedInRequest, allowed
from alerts import reachability
from alerts.filters import selected
from alerts.forms import ANSWERS, Answer
from alerts.models import Alert, Kind
from alerts.services.summary import summary
from alerts.subjects import breaks, steps, threshold_in_words
from alerts.timeline import timeline
from audit.models import Record
from core import clock
from core.errors import Forbidden
from core.forms import StyledForm, attempt
from core.pages import page

UNMEANT = ("pick", "everything", "after", "before")  # of the address, when the list is shown again
HISTORY = 10


@require_GET
@allowed("read")
def detail(request: SignedInRequest, pk: int) -> HttpResponse:
    return _detail(request, _alert(request, pk))


@require_POST
@allowed("answer_alerts")
def answer(request: SignedInRequest, pk: int, act: str) -> HttpResponse:
    alert, chosen = _alert(request, pk), _answer(request, act)
    form = chosen.form(request.POST, auto_id=f"{act}_%s")
    if form.is_valid():
        this = Alert.objects.filter(pk=alert.pk)
        if attempt(form, lambda: chosen.give(request.user, this, form.cleaned_data)):
            messages.success(request, f"{alert.name} is {chosen.done}.")
            return redirect("alerts:detail", alert.pk)
    return _detail(request, alert, {act: form}, status=400)


@require_http_methods(["GET", "POST"])
@allowed("answer_alerts")
def answer_many(request: SignedInRequest, act: str) -> HttpResponse:
    """First which they are, then the answer to all of them."""
    chosen = _answer(request, act)
    alerts = chosen.possible(selected(request.GET, request=request))
    form = chosen.form(request.POST if request.method == "POST" else None)
    if form.is_valid():
        count = attempt(form, lambda: chosen.give(request.user, alerts, form.cleaned_data))
        if count:
            messages.success(request, f"{count:,} alert{'s are' if count > 1 else ' is'} {chosen.done}.")
            return _back_to_the_list(request)
    context = {"form": form, "answer": chosen, "summary": summary(alerts, clock.now())}
    return page(request, "alerts/answer.html", context, status=400 if form.errors else 200)


def _answer(request: SignedInRequest, act: str) -> Answer:
    if act not in ANSWERS:
        raise Http404
    if not request.user.has_perm(ANSWERS[act].permission):
        raise Forbidden("not-for-your-role", "Only an operator can mute an alert. Snooze it, or ask an operator.")
    return ANSWERS[act]


def _alert(request: SignedInRequest, pk: int) -> Alert:
    related = ("vendor", "authority", "gateway", "answered_by", "muted_by")
    return get_object_or_404(Alert.objects.visible_to(request.user).select_related(*related), pk=pk)


def _detail(
    request: SignedInRequest, alert: Alert, forms: "dict[str, StyledForm] | None" = None, *, status: int = 200
) -> HttpResponse:
    user, now = request.user, clock.now()
    is_authority = alert.kind == Kind.AUTHORITY
    shares = reachability.by_vendor(user, alert.subject_id, alert.not_after) if is_authority else []
    context = {
        "alert": alert,
        "breaks": breaks(alert, sum(share.gateways for share in shares)),
        "threshold": threshold_in_words(alert.threshold),
        "steps": steps(alert, user),
        "shares": shares,
        "reach": _reach(alert),
        "answers": _possible(request, alert, forms or {}),
        "events": timeline(alert, user, now),
        "records": Record.objects.about("alert", alert.pk)[:HISTORY],
        "is_authority": is_authority,
    }
    return page(request, "alerts/detail.html", context, status=status)


def _reach(alert: Alert) -> reachability.Reach | None:
    """Of the gateway that a certificate is for."""
    if alert.kind != Kind.CERTIFICATE or alert.gateway is None or alert.gateway.vendor_id != alert.vendor_id:
        return None
    return reachability.reach(alert.gateway, alert.not_after, clock.now())


def _possible(request: SignedInRequest, alert: Alert, forms: "dict[str, StyledForm]") -> list[dict[str, object]]:
    """The answers that the person may give to the alert as it stands, each with its form."""
    this = Alert.objects.filter(pk=alert.pk)
    return [
        {"name": name, "answer": answer, "form": forms.get(name) or answer.form(auto_id=f"{name}_%s")}
        for name, answer in ANSWERS.items()
        if request.user.has_perm(answer.permission) and answer.possible(this).exists()
    ]


def _back_to_the_list(request: SignedInRequest) -> HttpResponseRedirect:
    query = request.GET.copy()
    for name in UNMEANT:
        query.pop(name, None)
    return HttpResponseRedirect(f"{reverse('alerts:list')}?{query.urlencode()}")
