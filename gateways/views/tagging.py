"""Tags for many gateways: first which they are, then the act."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.access import SignedInRequest, allowed
from core.forms import attempt
from core.pages import page
from gateways.filters import proposals, selected
from gateways.forms import TagForm
from gateways.services import tagging

UNMEANT = ("pick", "everything", "source", "after", "before")  # of the address, when the list is shown again


@require_http_methods(["GET", "POST"])
@allowed("hand_in")
def tag(request: SignedInRequest) -> HttpResponse:
    chosen = selected(request.GET, request=request)
    form = TagForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        count = attempt(form, lambda: tagging.tag_many(chosen, actor=request.user, **form.cleaned_data))
        if count:
            messages.success(request, f"{count:,} gateway{'s are' if count > 1 else ' is'} tagged.")
            return _back_to_the_list(request)
    context = {"form": form, "preview": tagging.preview(chosen), "most": tagging.MOST}
    return page(request, "gateways/tag.html", {**context, "proposals": proposals(request.user)})


def _back_to_the_list(request: SignedInRequest) -> HttpResponseRedirect:
    query = request.GET.copy()
    for name in UNMEANT:
        query.pop(name, None)
    return HttpResponseRedirect(f"{reverse('gateways:list')}?{query.urlencode()}")
