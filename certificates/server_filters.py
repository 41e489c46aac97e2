"""The filter of servers' certificates: for the list and its export."""

from typing import Any

import django_filters

from cas.models import Authority
from certificates.filters import CURRENT
from certificates.models import ServerCertificate, ServerStanding
from certificates.server_models import ServerCertificateQuerySet
from core import clock
from core.filtering import ModelChoiceFilter, Select, TextInput

SORTS = {"ends": "not_after", "made": "id"}
FILTERS = ("state", "authority")


def _authorities(_request: Any) -> Any:
    return Authority.objects.issuing().filter(for_servers=True).only("name").order_by("name")


class ServerFilter(django_filters.FilterSet):  # type: ignore[misc]  # django-filter publishes no types
    q = django_filters.CharFilter(
        method="search",
        label="Host or serial",
        widget=TextInput(attrs={"class": "form-control", "placeholder": "Host or serial", "autocomplete": "off"}),
    )
    state = django_filters.ChoiceFilter(
        choices=[(CURRENT, "Current"), *ServerStanding.choices],
        method="stand",
        label="State",
        empty_label="Any state",
        widget=Select(),
    )
    authority = ModelChoiceFilter(
        label="Authority", queryset=_authorities, empty_label="Any authority", widget=Select()
    )

    class Meta:
        model = ServerCertificate
        fields: list[str] = []

    def search(self, queryset: Any, _name: str, text: str) -> Any:
        return queryset.naming(text)

    def stand(self, queryset: Any, _name: str, standing: str) -> Any:
        now = clock.now()
        return queryset.current(now) if standing == CURRENT else queryset.standing(standing, now)


def servers(data: Any, *, request: Any) -> tuple[ServerFilter, ServerCertificateQuerySet]:
    chosen = ServerFilter(data, queryset=ServerCertificate.objects.visible_to(request.user), request=request)
    return chosen, chosen.qs
