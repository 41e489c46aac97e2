"""Asks the lists, the overview, the search and the exports of a filled database, and prints what they took as JSON.

Server time: from the request to the last octet of the answer, through the whole middleware, by Django's test client in
one process. `python -m bench.lists_run`, with the environment of the product."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from statistics import median, quantiles
from urllib.parse import urlencode

import django

django.setup()

from django.conf import settings  # noqa: E402  Django is set up first
from django.http import QueryDict  # noqa: E402
from django.test import Client, RequestFactory  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.models import Role, User, Vendor  # noqa: E402
from cas.models import Authority  # noqa: E402
from certadmin.overview import counting  # noqa: E402
from certificates.models import Certificate  # noqa: E402
from core import keyset  # noqa: E402
from gateways import filters  # noqa: E402
from gateways.models import Gateway  # noqa: E402

TIMES = 20
ROWS = 1_000_000  # of an export, at most


def combinations() -> dict[str, str]:
    """What people look for, by its name: queries of the list of gateways."""
    largest, smallest = (Vendor.objects.get(name=name).pk for name in ("Northgate Radio", "Vega Gateways"))
    vendors_own = Authority.objects.get(name="Osterdal Networks Gateway CA 2").pk
    ours = Authority.objects.get(name="Fjordnet Fleet CA G2").pk
    return {
        "all by EUI": urlencode({"sort": "eui"}),
        "all by end": urlencode({"sort": "ends"}),
        "all by last sighting": urlencode({"sort": "seen"}),
        "a vendor by end": urlencode({"vendor": smallest, "sort": "ends"}),
        "a vendor's expired": urlencode({"vendor": largest, "state": "expired"}),
        "ends within 30 days": urlencode({"days_min": 0, "days_max": 30, "sort": "ends"}),
        "a vendor's authority": urlencode({"authority": vendors_own}),
        "our authority, soon": urlencode({"authority": ours, "state": "soon", "sort": "ends"}),
        "a model with a tag": urlencode({"model": "outdoor, 16 channels", "tag": "tunnel"}),
        "a block without certificate": urlencode({"block": "020C15FFFE", "state": "none"}),
        "never certified": urlencode({"certified": "never"}),
        "valid, not seen for 30 days": urlencode({"state": "valid", "seen": "over-30"}),
    }


def pages(query: str, operator: User) -> dict[str, str]:
    """The addresses of the first, the middle and the last page."""
    asked = QueryDict(query)
    sort = asked.get("sort", filters.DEFAULT_SORT)
    request = RequestFactory().get("/")
    request.user = operator
    _, rows = filters.filtered(asked, request=request)
    column = filters.SORTS[sort]
    ordered = keyset.sorted_as(rows, asked, sorts=filters.SORTS, default=filters.DEFAULT_SORT)
    count = rows.count()
    found = {"first": query}
    for name, place in (("middle", count // 2), ("last", count - 51)):
        if place > 0:
            value, pk = ordered.values_list(column, "pk")[place]
            text = "" if value is None else value.isoformat() if hasattr(value, "isoformat") else value
            found[name] = f"{query}&{urlencode({'after': f'{text}~{pk}'})}"
    return found


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def p95(act: Callable[[], object]) -> float:
    act()
    times = []
    for _ in range(TIMES):
        start = time.perf_counter()
        act()
        times.append((time.perf_counter() - start) * 1000)
    return quantiles(times, n=20, method="inclusive")[-1]


def asking(client: Client, address: str) -> Callable[[], None]:
    def ask() -> None:
        answer = client.get(address)
        if answer.status_code != 200:
            raise RuntimeError(f"{address} answers {answer.status_code}")

    return ask


def exported(client: Client, address: str) -> tuple[float, float]:
    """Milliseconds to the first octet, and rows in a second."""
    start = time.perf_counter()
    stream = _stream(client, address)
    next(stream)
    rows = next(stream).count(b"\n")
    first = (time.perf_counter() - start) * 1000
    for part in stream:
        rows += part.count(b"\n")
        if rows > ROWS:
            break
    return first, rows / (time.perf_counter() - start)


def measure(*, everything: bool) -> dict[str, float]:
    operator = User.objects.filter(role=Role.OPERATOR).order_by("pk")[0]
    client = signed_in(operator)
    found: dict[str, float] = {}
    for name, query in combinations().items():
        slow = {place: p95(asking(client, f"/gateways/?{each}")) for place, each in pages(query, operator).items()}
        print(name, slow, file=sys.stderr, flush=True)
        found[f"list: {name}"] = max(slow.values())
    if everything:
        found |= _overviews(operator) | _searches(client) | _exports(client)
    return found


def _overviews(operator: User) -> dict[str, float]:
    vendor = User.objects.filter(role=Role.VENDOR, vendor__name="Northgate Radio")[0]
    User.objects.filter(pk__in=[operator.pk, vendor.pk]).update(last_login=timezone.now())
    start = time.perf_counter()
    counting.recount()
    found = {"recount": time.perf_counter() - start}
    for name, user in (("operator", operator), ("vendor", vendor)):
        found[f"overview: {name}"] = p95(asking(signed_in(user), "/"))
    return found


def _searches(client: Client) -> dict[str, float]:
    one = Certificate.objects.order_by("pk")[Certificate.objects.count() // 2]
    eui = Gateway.objects.order_by("eui")[Gateway.objects.count() // 2].eui
    words = {
        "an EUI": eui,
        "the end of an EUI": eui[-6:],
        "a part of a name": "Kvitfjell",
        "a serial number": one.serial,
        "a fingerprint": one.sha256[:12],
        "nothing": "zqzqzq",
    }
    return {
        f"search: {name}": p95(asking(client, f"/search/?{urlencode({'q': each})}")) for name, each in words.items()
    }


def _exports(client: Client) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, address in (("gateways", "/gateways/export.csv"), ("certificates", "/certificates/export.csv")):
        firsts = [exported_first(client, address) for _ in range(3)]
        _, rate = exported(client, address)
        found |= {f"export: first octet, {name}": median(firsts), f"export: {name}": rate}
    return found


def exported_first(client: Client, address: str) -> float:
    start = time.perf_counter()
    next(_stream(client, address))
    return (time.perf_counter() - start) * 1000


def _stream(client: Client, address: str) -> Iterator[bytes]:
    pieces: Iterator[bytes] = iter(client.get(address).streaming_content)  # type: ignore[attr-defined]  # it is a stream
    return pieces


if __name__ == "__main__":
    settings.ALLOWED_HOSTS = ["testserver"]
    print(json.dumps(measure(everything="--everything" in sys.argv)))
