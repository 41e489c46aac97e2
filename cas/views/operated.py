"""Making operated authorities."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.access import SignedInRequest, allowed
from accounts.models import Deployment, User
from cas.forms import GATEWAYS, SERVERS, IssuingForm, RootForm
from cas.models import Authority
from cas.services import operate as operating
from cas.tasks import renew_list
from core import clock
from core.bell import ring
from core.forms import attempt
from core.pages import page


@require_http_methods(["GET", "POST"])
@allowed("operate_authorities")
def operate(request: SignedInRequest) -> HttpResponse:
    """One form for a root and one for an issuing authority; with a root there, the second is what one comes for."""
    roots = Authority.objects.operated_roots().valid_at(clock.now())
    chosen = request.POST.get("kind") or request.GET.get("kind") or ("issuing" if roots.exists() else "root")
    is_root = chosen == "root"
    posted = request.POST if request.method == "POST" else None
    form = (RootForm if is_root else IssuingForm)(posted, initial=_initial(request, roots.first()))
    if form.is_valid():
        authority = attempt(form, lambda: _create(request.user, form))
        if authority:
            ring(renew_list, authority.pk)
            return _onwards(request, authority)
    return page(request, "cas/operate.html", {"form": form, "is_root": is_root, "roots": roots})


def _initial(request: SignedInRequest, root: Authority | None) -> dict[str, object]:
    deployment = Deployment.objects.first()
    parent = request.GET.get("parent") or (root.pk if root else None)
    issues_for = SERVERS if request.GET.get("for") == SERVERS else GATEWAYS
    organisation = deployment.name[:64] if deployment else ""
    return {"parent": parent, "organisation": organisation, "issues_for": issues_for}


def _create(actor: User, form: RootForm) -> Authority:
    if isinstance(form, IssuingForm):
        for_servers = form.cleaned_data["issues_for"] == SERVERS
        return operating.create_issuing(actor, form.cleaned_data["parent"], form.plan, for_servers=for_servers)
    return operating.create_root(actor, form.plan)


def _onwards(request: SignedInRequest, authority: Authority) -> HttpResponse:
    if authority.is_root:
        messages.success(request, f"{authority.name} is made. Now the authority below it that signs.")
        return redirect(f"{reverse('cas:operate')}?kind=issuing&parent={authority.pk}")
    if not authority.for_gateways:
        messages.success(request, f"{authority.name} is made. Whoever connects to a server needs its root.")
        return redirect("cas:detail", authority.pk)
    messages.success(request, f"{authority.name} is made. Gateways it signs connect once it is in a live release.")
    return redirect("cas:detail", authority.pk)
