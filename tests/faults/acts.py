"""What people do while something breaks, in a process beside the test: a JSON list per line, name and arguments;
the answer is a line of JSON, `{"answer": …}` or `{"error": …}`."""

import json
import os
import sys
import traceback
from io import StringIO
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "certadmin.settings")
django.setup()

from django.core.management import call_command  # noqa: E402  Django is set up first
from django.db import connection  # noqa: E402

from accounts.models import Role, User, Vendor  # noqa: E402
from alerts.models import Notice, Recipient  # noqa: E402
from alerts.services.telling import know_recipients  # noqa: E402
from alerts.tasks import send_due_notices  # noqa: E402
from audit.services import seal_pending  # noqa: E402
from cas.models import Authority  # noqa: E402
from cas.services.operate import Plan, create_issuing, create_root  # noqa: E402
from certificates import tasks  # noqa: E402
from certificates.models import Certificate, Request  # noqa: E402
from certificates.services import issuing, request_certificate, set_policy  # noqa: E402
from certificates.services.batches import Entry, Wish, create_batch, work_left  # noqa: E402
from core.bell import ring  # noqa: E402
from gateways.models import Gateway  # noqa: E402
from gateways.services import register  # noqa: E402
from keys import services as vault  # noqa: E402
from keys.models import Key  # noqa: E402
from tests.faults.deployment import eui_of  # noqa: E402
from trust import tasks as trust_tasks  # noqa: E402
from trust.models import Group, Release, Store  # noqa: E402
from trust.services import going_on, groups, releases  # noqa: E402
from trust.services.stores import connect_first_store  # noqa: E402


def world() -> dict[str, Any]:
    """An operator, a vendor whose requests need no approval, and an authority that issues for it."""
    operator = User.objects.create_user("operator@example.net", "x" * 20, name="Olga", role=Role.OPERATOR)
    vendor = Vendor.objects.create(name="Fjord")
    root = create_root(operator, Plan("Root", "Net", "P-256", 10, 1))
    issuing = create_issuing(operator, root, Plan("Issuing", "Net", "P-256", 5, 0))
    set_policy(vendor, actor=operator, authority=issuing, automatic=True)
    return {"issuing": issuing.pk, "root": root.pk}


def people(count: str) -> list[str]:
    """Let people work for the vendor: each is told what ends."""
    vendor, made = Vendor.objects.get(), []
    for number in range(int(count)):
        person = User.objects.create_user(
            f"person-{number}@fjord.example", "x" * 20, name=f"Person {number}", role=Role.VENDOR, vendor=vendor
        )
        made.append(person.email)
    know_recipients()
    Recipient.objects.update(hour=0)  # at whatever hour the test runs
    return made


def request(start: str, count: str) -> list[int]:
    """Register gateways from EUI number `start` on, ask for a certificate for each, and ring."""
    operator, vendor = _operator(), Vendor.objects.get()
    made = []
    for number in range(int(start), int(start) + int(count)):
        gateway = register(operator, vendor, eui_of(number))
        row = request_certificate(
            operator, gateway, lifetime_days=365, idempotency_key=f"key-{number}", key_type="P-256"
        )
        ring(tasks.issue, row.pk)
        made.append(row.pk)
    return made


def batch(start: str, count: str) -> int:
    """Register gateways from EUI number `start` on, hand in a batch for all of them, and ring."""
    operator, vendor = _operator(), Vendor.objects.get()
    euis = [eui_of(number) for number in range(int(start), int(start) + int(count))]
    for eui in euis:
        register(operator, vendor, eui)
    wish = Wish("a test", 365, "P-256")
    made = create_batch(operator, vendor, [Entry(eui) for eui in euis], wish, idempotency_key=f"batch-{start}")
    for pk in work_left(made):
        ring(tasks.work_on_chunk, pk)
    return made.pk


def again(start: str, count: str) -> list[int]:
    """The same requests once more, as a double click sends them."""
    operator = _operator()
    for number in range(int(start), int(start) + int(count)):
        gateway = Gateway.objects.get(eui=eui_of(number))
        row = request_certificate(
            operator, gateway, lifetime_days=365, idempotency_key=f"key-{number}", key_type="P-256"
        )
        ring(tasks.issue, row.pk)
    return list(Request.objects.values_list("pk", flat=True))


def publish(authority: str) -> dict[str, Any]:
    """Put the authority into the group and publish it."""
    operator, group = _operator(), Group.objects.get(name="common")
    groups.add_to_group(operator, group, Authority.objects.get(pk=authority))
    release = releases.publish_release(operator, group, note="from the test")
    for publication in release.publications.all():
        ring(trust_tasks.publish, publication.pk)
    return {"number": release.number, "publications": release.publications.count()}


def connect() -> str:
    """Connect a store of this deployment's own, in place of the one that the template knew."""
    Store.objects.all().delete()
    connect_first_store()
    return Store.objects.get().directory


def authorities() -> list[int]:
    return list(Authority.objects.operated().order_by("pk").values_list("pk", flat=True))


def publish_only(authority: str) -> int:
    """Let the group hold this authority and no other, and publish it."""
    operator, group = _operator(), Group.objects.get(name="common")
    groups.add_to_group(operator, group, Authority.objects.get(pk=authority))
    for other in Authority.objects.filter(memberships__in=group.memberships.present()).exclude(pk=authority):
        groups.remove_from_group(operator, group, other)
    release = releases.publish_release(operator, group)
    for publication in release.publications.all():
        ring(trust_tasks.publish, publication.pk)
    return release.number


def deliver() -> list[str]:
    """What the schedule does about releases, here and now: how far the newest got."""
    trust_tasks.sweep()
    return published()


def check_stores() -> list[str]:
    """What the schedule does about stores, here and now."""
    trust_tasks.check_stores()
    return list(Store.objects.values_list("state", flat=True))


def go_on() -> list[int]:
    """Decide to go on from what the store holds."""
    return [each.number for each in going_on.go_on(_operator(), Store.objects.get())]


def sweep_once() -> int:
    """What the schedule does, here and now."""
    tasks.sweep()
    return Request.objects.count()


def half_way() -> int:
    """Plan what is approved, reserve every second, and go no further."""
    for number, row in enumerate(Request.objects.unfinished().order_by("pk")):
        owner = Request.objects.unfinished().claim(row.pk, seconds=1)
        if owner:
            issuing._plan(row, owner)
            if number % 2:
                issuing._reserve(row)
    return Request.objects.unfinished().count()


def look_for_ends() -> int:
    """What the schedule does hourly, here and now."""
    send_due_notices()
    return Notice.objects.count()


def backup(file: str) -> str:
    return _said("backup", file)


def restore(file: str) -> str:
    return _said("restore", file)


def published() -> list[str]:
    return list(Release.objects.order_by("-number")[0].publications.values_list("state", flat=True))


def export(folder: str) -> list[str]:
    """Write every certificate with its chain, for an independent judge."""
    written = []
    for certificate in Certificate.objects.select_related("authority__parent", "gateway"):
        base = Path(folder) / certificate.gateway.eui
        base.with_suffix(".der").write_bytes(bytes(certificate.der))
        written.append(str(base.with_suffix(".der")))
        issuing = certificate.authority
        (Path(folder) / "issuing.der").write_bytes(bytes(issuing.der))
        if issuing.parent:
            (Path(folder) / "root.der").write_bytes(bytes(issuing.parent.der))
    return written


def private_keys() -> list[tuple[str, str]]:
    """Every private key that is sealed here, as hexadecimal, for those who look where else it is."""
    keys = Key.objects.filter(destroyed_at__isnull=True)
    return [(f"{key.purpose} key {key}", vault.open_private_key(key.pk).hex()) for key in keys]


def seal() -> int:
    """What the sealer does, here and now."""
    return seal_pending()


def verify_audit() -> str:
    """What `manage.py verify_audit` says; raises where the record does not verify."""
    return _said("verify_audit")


def _said(command: str, *arguments: str) -> str:
    said = StringIO()
    call_command(command, *arguments, stdout=said, stderr=said)
    return said.getvalue()


def _operator() -> User:
    return User.objects.get(role=Role.OPERATOR)


ACTS = {
    act.__name__: act
    for act in (
        world, people, request, batch, again, publish, publish_only, published, export, connect, authorities,
        sweep_once, half_way, look_for_ends, deliver, check_stores, go_on, backup, restore, seal, verify_audit,
        private_keys,
    )
}  # fmt: skip


def answer(name: str, *arguments: str) -> dict[str, Any]:
    try:
        return {"answer": ACTS[name](*arguments)}
    except (Exception, SystemExit):  # noqa: BLE001  the test is told
        return {"error": traceback.format_exc()}
    finally:
        connection.close()  # the server may be another one by the next act


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(*json.loads(line))), flush=True)  # noqa: T201  the answer
