"""`python -m bench.imports_run receive|work SIZE`: hands a file of so many gateways in, or checks and writes it by the
task of the worker; prints JSON. Each runs in a process of its own, so that the memory is of that step alone."""

import csv
import io
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "certadmin.settings")
django.setup()

from django.db import connection, transaction  # noqa: E402  Django is set up first

from accounts.models import Role, User, Vendor  # noqa: E402
from certadmin.celery import app  # noqa: E402
from core import clock  # noqa: E402
from gateways.models import Gateway, Import  # noqa: E402
from gateways.services import add_block, imports  # noqa: E402
from gateways.tasks import work_on_import  # noqa: E402
from pki.eui import to_dashed  # noqa: E402


def main(step: str, size: int) -> None:
    said = receive(size) if step == "receive" else work(size)
    print(json.dumps({**said, "memory": peak_mb()}))


def receive(size: int) -> dict[str, Any]:
    operator = User.objects.create_user("bench@fjordnet.example", role=Role.OPERATOR, name="Bench")
    vendor = Vendor.objects.create(name="Bench")
    add_block(operator, vendor, "58A0CB")
    person = User.objects.create_user("bench@kestrel.example", role=Role.VENDOR, name="Bench", vendor=vendor)
    start = time.perf_counter()
    file = imports.receive("gateways.csv", pieces(size))
    made = imports.begin_import(person, vendor, file, idempotency_key="bench")
    imports.check_import(made, actor=person, columns=made.columns)
    return {"seconds": time.perf_counter() - start, "megabytes": made.size / 1024**2}


def work(size: int) -> dict[str, Any]:
    app.loader.import_default_modules()  # what a worker holds
    made = Import.objects.get()
    before = peak_mb()
    checking = timed(lambda: work_on_import.apply(args=(made.pk,), throw=True))
    made = Import.objects.get()
    imports.apply_import(made, actor=made.made_by)
    writing = timed(lambda: work_on_import.apply(args=(made.pk,), throw=True))
    made = Import.objects.get()
    if (made.state, made.new, Gateway.objects.count()) != (Import.State.DONE, size, size):
        raise SystemExit(f"{made.state}: {made.new} of {size} were written. {made.failure}")
    held = peak_mb()
    rows = list(Gateway.objects.order_by("pk").values_list("eui", "name", "model"))
    copying = timed(lambda: copy_alone(rows))
    return {"checking": checking, "writing": writing, "copying": copying, "before": before, "held": held}


def pieces(size: int) -> Iterator[bytes]:
    """Half of the EUIs plain, half with dashes; names, models, and tags on a tenth of them."""
    yield b"eui,name,model,tags,notes\r\n"
    for first in range(0, size, 1000):
        text = io.StringIO()
        rows = csv.writer(text)
        for number in range(first, min(first + 1000, size)):
            eui = f"58A0CBFFFE{number:06X}"
            tags = "leased,north" if number % 10 == 0 else ""
            rows.writerow([eui if number % 2 else to_dashed(eui), f"Mast {number}", "Kerlink iStation", tags, ""])
        yield text.getvalue().encode()


def copy_alone(rows: Sequence[tuple[str, str, str]]) -> None:
    """The same rows into a table with the same columns, checks and indexes, by nothing but COPY."""
    now, vendor = clock.now(), Vendor.objects.get().pk
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bare (LIKE gateways_gateway INCLUDING ALL)")
        names = "eui, name, model, vendor_id, registered_at, notes, last_seen_sha256, sightings, current_profile"
        with cursor.copy(f"COPY bare ({names}) FROM STDIN") as copy:
            for eui, name, model in rows:
                copy.write_row((eui, name, model, vendor, now, "", "", 0, ""))


def timed(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def peak_mb() -> float:
    """Of this process alone: what `getrusage` says is inherited."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
