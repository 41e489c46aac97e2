"""Workers that claim the same requests at once: `python -m tests.certificates.claimers WORKERS REQUESTS`.

Runs on the database of CERTADMIN_DATABASE_URL, empty so far, and answers in JSON.
"""

import json
import os
import sys
import threading
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "certadmin.settings")
django.setup()

from django.core.management import call_command  # noqa: E402  Django is set up first
from django.db import connection  # noqa: E402

from accounts.models import Role, User, Vendor  # noqa: E402
from cas.models import Authority, Signing  # noqa: E402
from cas.services.operate import Plan, create_issuing, create_root  # noqa: E402
from certificates.models import Certificate, Request  # noqa: E402
from certificates.services import issue, request_certificate, set_policy  # noqa: E402
from gateways.services import register  # noqa: E402


def made(count: int) -> tuple[Authority, list[int]]:
    """Approved requests, and the authority that issues for them."""
    operator = User.objects.create_user("operator@example.net", "x" * 20, name="Olga", role=Role.OPERATOR)
    vendor = Vendor.objects.create(name="Fjord")
    issuing = create_issuing(
        operator, create_root(operator, Plan("Root", "Net", "P-256", 10, 1)), Plan("Issuing", "Net", "P-256", 5, 0)
    )
    set_policy(vendor, actor=operator, authority=issuing, automatic=True)
    gateways = [register(operator, vendor, f"{0x58A0CB0000000000 + number:016X}") for number in range(count)]
    wishes = [
        request_certificate(operator, each, lifetime_days=90, idempotency_key="c", key_type="P-256")
        for each in gateways
    ]
    return issuing, [each.pk for each in wishes]


def claim_together(workers: int, requests: list[int]) -> list[str]:
    """Let each worker try each request, all at once and on connections of their own; return what went wrong."""
    barrier, wrong = threading.Barrier(workers), []

    def work() -> None:
        try:
            for pk in requests:
                barrier.wait()
                issue(pk)
        except Exception as error:  # noqa: BLE001  the test looks at what came out
            wrong.append(repr(error))
            barrier.abort()
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def answer(workers: int, count: int) -> dict[str, Any]:
    call_command("migrate", verbosity=0)
    issuing, requests = made(count)
    wrong = claim_together(workers, requests)
    issuing.refresh_from_db()
    return {
        "database": connection.vendor,
        "wrong": wrong,
        "certificates": sorted(Certificate.objects.values_list("request", flat=True)) == sorted(requests),
        "states": sorted(Request.objects.values_list("state", flat=True)),
        "attempts": sorted(Request.objects.values_list("attempts", flat=True)),
        "signings": Signing.objects.filter(issuer=issuing, state="signed").count(),
        "signatures": issuing.key.signatures if issuing.key else None,
    }


if __name__ == "__main__":
    print(json.dumps(answer(*map(int, sys.argv[1:]))))  # noqa: T201  the answer
