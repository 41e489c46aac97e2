"""Fills a database with certificates by statement, then times the look for what ends and the mails; prints seconds."""

import resource
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402  Django is set up first

from accounts.models import Contact, Role, User, Vendor  # noqa: E402
from alerts.models import Alert, Delivery, Notice, Recipient  # noqa: E402
from alerts.services.mailing import send_digests  # noqa: E402
from alerts.services.notices import look  # noqa: E402
from alerts.services.telling import know_recipients  # noqa: E402
from cas.models import Authority  # noqa: E402
from certificates.models import Certificate  # noqa: E402
from core import clock  # noqa: E402
from pki.facts import read_certificate  # noqa: E402
from tests.pki.makers import make_issuing, make_root  # noqa: E402

VENDORS, AUTHORITIES, READERS, DUE = 100, 40, 10_000, 100_000
DAY = timedelta(days=1)
GATEWAYS_SQL = """
INSERT INTO gateways_gateway
    (eui, vendor_id, name, model, notes, registered_at, current_profile, last_seen_sha256, sightings,
     current_authority_id, current_not_after, first_seen_at, last_seen_at)
SELECT upper(lpad(to_hex(n), 16, '0')), (SELECT min(id) FROM accounts_vendor) + n %% %(vendors)s, 'Mast ' || n, '', '',
       now(), '', '', n %% 40, (SELECT min(id) FROM cas_authority) + n %% %(authorities)s,
       %(now)s + (n %% 610 + 100) * interval '1 day', now() - interval '300 days', now() - (n %% 9) * interval '1 day'
FROM generate_series(1, %(gateways)s) n
"""
# of each gateway an older certificate, which is followed, and the present one
CERTIFICATES_SQL = """
INSERT INTO certificates_certificate
    (gateway_id, vendor_id, authority_id, origin, sha256, der, serial, not_before, not_after, key_type, spki_sha256,
     created_at, revocation_reason)
SELECT g.id, g.vendor_id, g.current_authority_id, 'recorded', md5(g.id || '-' || k) || md5(k || 'x' || g.id), '',
       md5(g.id || 's' || k), g.current_not_after - interval '730 days' - k * interval '200 days',
       g.current_not_after - k * interval '200 days', 'P-256', '', now(), ''
FROM gateways_gateway g, generate_series(0, 1) k
"""

PENDING_SQL = """
INSERT INTO alerts_delivery (notice_id, recipient, why, is_pressing, state, message_key, dropped_for)
SELECT n.id, lower(c.email), 'crossing', false, 'pending', '', ''
FROM accounts_contact c JOIN (
    SELECT id, vendor_id, row_number() OVER (PARTITION BY vendor_id ORDER BY id) AS place FROM alerts_notice
) n ON n.vendor_id = c.vendor_id AND n.place <= 12 WHERE c.name = 'Reader'
"""


def fill(certificates: int) -> None:
    User.objects.create_user("operator@example.net", "x" * 20, name="Olga", role=Role.OPERATOR)
    vendors = Vendor.objects.bulk_create(Vendor(name=f"Vendor {number}") for number in range(VENDORS))
    Contact.objects.bulk_create(Contact(vendor=each, name="NOC", email=f"noc{each.pk}@example.net") for each in vendors)
    root, ends = make_root(), clock.now() + timedelta(days=4000)
    for number in range(AUTHORITIES):
        facts = read_certificate(make_issuing(root, f"CA {number}", not_after=ends).der)
        more = {"origin": Authority.Origin.UPLOADED, "state": Authority.State.APPROVED}
        Authority.from_facts(facts, **more).save()
    values: dict[str, Any] = {
        "vendors": VENDORS,
        "authorities": AUTHORITIES,
        "gateways": certificates // 2,
        "now": clock.now(),
    }
    for statement in (GATEWAYS_SQL, CERTIFICATES_SQL, "ANALYZE"):
        with connection.cursor() as cursor:
            cursor.execute(statement, values)


def seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def make_due() -> None:
    """So many of the present certificates come within a week of their end, all at once."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE certificates_certificate SET not_after = %s WHERE id IN (SELECT c.id FROM gateways_gateway g "
            "JOIN certificates_certificate c ON c.gateway_id = g.id AND c.not_after = g.current_not_after "
            "WHERE g.current_not_after < %s LIMIT %s)",  # of those the older one has ended
            [clock.now() + 5 * DAY, clock.now() + 195 * DAY, DUE],
        )


def add_readers() -> None:
    """Ten thousand people more, to each of whom a dozen alerts of their vendor were not told yet."""
    Delivery.objects.all().delete()
    vendors = list(Vendor.objects.values_list("pk", flat=True))
    Contact.objects.bulk_create(
        Contact(vendor_id=vendors[number % VENDORS], name="Reader", email=f"reader{number}@example.net")
        for number in range(READERS)
    )
    know_recipients()
    with connection.cursor() as cursor:
        cursor.execute(PENDING_SQL)
        cursor.execute("ANALYZE")


def main(certificates: int) -> None:
    fill(certificates)
    print("first", seconds(lambda: look({})))
    before = megabytes()
    print("look", min(seconds(lambda: look({})) for _ in range(3)))
    window = Certificate.objects.filter(not_after__gt=clock.now() - 400 * DAY, not_after__lte=clock.now() + 90 * DAY)
    print("count", seconds(window.count))
    alerts = Alert.objects.count()
    make_due()
    print("write", seconds(lambda: look({})))
    print("memory", megabytes() - before)
    print("due", Alert.objects.count() - alerts)
    print("again", min(seconds(lambda: look({})) for _ in range(3)))
    with connection.cursor() as cursor:
        statement = f"CREATE TEMPORARY TABLE copied AS SELECT * FROM {Notice._meta.db_table}"
        print("copy", seconds(lambda: cursor.execute(statement)))
    add_readers()
    Recipient.objects.update(last_digest_on=None, hour=0)
    mails: list[int] = []
    print("digests", seconds(lambda: mails.append(send_digests())))
    print("mails", mails[0])


if __name__ == "__main__":
    main(int(sys.argv[1]))
