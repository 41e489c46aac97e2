"""How proxies read what is published: what to paste for each, and what to know."""

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from accounts.access import SignedInRequest, allowed
from core.pages import page
from pki.readers import recipes
from trust.models import Group, Store
from trust.services import groups

ELSEWHERE = "/etc/certadmin"  # where a copy of a bucket lies on the proxy's machine


@require_GET
@allowed("read_all")
def readers(request: SignedInRequest) -> HttpResponse:
    groups.common()
    all_groups = list(Group.objects.all())
    group = next((each for each in all_groups if each.name == request.GET.get("group")), all_groups[0])
    store = group.stores.filter(kind=Store.Kind.DIRECTORY).first()
    folder = f"{store.directory if store else ELSEWHERE}/{group.name}"
    context = {"group": group, "groups": all_groups, "store": store, "folder": folder, "recipes": recipes(folder)}
    return page(request, "trust/readers.html", context)
