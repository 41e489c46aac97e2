"""Fills a database with gateways by one statement, then times a draft and a release of it; prints seconds."""

import sys
import time
from collections.abc import Callable
from datetime import timedelta
from statistics import median

import django

django.setup()

from django.db import connection  # noqa: E402  Django is set up first

from accounts.models import Role, User, Vendor  # noqa: E402
from cas.models import Authority  # noqa: E402
from core import clock  # noqa: E402
from gateways.models import Gateway  # noqa: E402
from pki.facts import read_certificate  # noqa: E402
from tests.pki.makers import make_issuing, make_root  # noqa: E402
from trust.models import Membership  # noqa: E402
from trust.services.drafts import draft  # noqa: E402
from trust.services.groups import common  # noqa: E402
from trust.services.releases import publish_release  # noqa: E402

VENDORS, AUTHORITIES, TIMES = 40, 300, 5
GATEWAYS_SQL = """
INSERT INTO gateways_gateway
    (eui, vendor_id, name, notes, registered_at, current_authority_id, current_not_after)
SELECT upper(lpad(to_hex(n), 16, '0')), (SELECT min(id) FROM accounts_vendor) + n %% %(vendors)s, '', '', now(),
       CASE WHEN n %% 50 = 0 THEN NULL ELSE (SELECT min(id) FROM cas_authority) + n %% %(authorities)s END,
       CASE WHEN n %% 50 = 0 THEN NULL ELSE now() + (n %% 700 - 100) * interval '1 day' END
FROM generate_series(1, %(gateways)s) n
"""


def fill(gateways: int) -> User:
    operator = User.objects.create_user("operator@example.net", "x" * 20, name="Olga", role=Role.OPERATOR)
    vendors = Vendor.objects.bulk_create(Vendor(name=f"Vendor {number}") for number in range(VENDORS))
    root, ends = make_root(), clock.now() + timedelta(days=4000)
    for number in range(AUTHORITIES):
        facts = read_certificate(make_issuing(root, f"CA {number}", not_after=ends - timedelta(days=12 * number)).der)
        more = {"vendor": vendors[number % VENDORS], "state": Authority.State.APPROVED}
        authority = Authority.from_facts(facts, origin=Authority.Origin.UPLOADED, **more)
        authority.save()
        Membership.objects.create(group=common(), authority=authority, added_by=operator)
    with connection.cursor() as cursor:
        values = {"vendors": VENDORS, "authorities": AUTHORITIES, "gateways": gateways}
        cursor.execute(GATEWAYS_SQL, values)
        cursor.execute("ANALYZE")
    return operator


def seconds(act: Callable[[], object], times: int = TIMES) -> float:
    found = []
    for _ in range(times):
        start = time.perf_counter()
        act()
        found.append(time.perf_counter() - start)
    return median(found)


def main(gateways: int) -> None:
    operator, group = fill(gateways), common()
    publish_release(operator, group, "The first")
    gone = Membership.objects.order_by("pk")[:3].values("pk")
    Membership.objects.filter(pk__in=gone).update(removed_at=clock.now(), removed_by=operator)
    print("draft", seconds(lambda: draft(group)))
    print("count", seconds(Gateway.objects.count))
    typed = {"typed": "common", "reason": "measured", "password": "x" * 20}
    print("publish", seconds(lambda: publish_release(operator, group, **typed), times=1))


if __name__ == "__main__":
    main(int(sys.argv[1]))
