"""Imports that run at once, and workers that die in the middle of one."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import User, Vendor
from core import clock
from gateways.models import Gateway, Import
from gateways.services import imports
from gateways.services.sightings import Told, record_sightings
from gateways.tasks import sweep_imports
from tests.gateways.importing import checked, counts, hand_in, lines, worked, worked_on
from tests.servers import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
State = Import.State
HANGING = """
import sys, time, django
django.setup()
from gateways.services.imports import working
def hang(*_, **__):
    print("all is written, nothing is committed", flush=True)
    time.sleep(120)
setattr(working, sys.argv[2], hang)
working.work_on(int(sys.argv[1]))
"""


def together(*acts: Callable[[], Any]) -> list[Any]:
    """Run these at once; return what came out of them, errors among it."""
    barrier, results = threading.Barrier(len(acts)), []

    def run(act: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            results.append(act())
        except Exception as error:  # noqa: BLE001  the test looks at what came out
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_two_files_with_the_same_gateways_at_once(vendor: Vendor, vendor_user: User) -> None:
    """Each gateway once, nobody waits for ever, and who came second is shown what changed."""
    made = [checked(vendor_user, vendor, lines(300), key=key) for key in ("a", "b")]
    for each in made:
        imports.apply_import(each, actor=vendor_user)
    assert together(*(lambda pk=each.pk: imports.work_on(pk) for each in made)) == [None, None]
    states = sorted(worked(each).state for each in made)
    assert states == [State.CHECKING, State.DONE]
    assert Gateway.objects.count() == 300
    second = next(each for each in made if worked(each).state == State.CHECKING)
    assert counts(worked_on(second)) == {"same": 300}


def test_two_workers_take_one_import_once(vendor: Vendor, vendor_user: User) -> None:
    made = checked(vendor_user, vendor, lines(300))
    imports.apply_import(made, actor=vendor_user)
    assert together(*[lambda: imports.work_on(made.pk)] * 3) == [None] * 3
    assert worked(made).state == State.DONE
    assert Gateway.objects.count() == 300


def test_two_clicks_make_one_import(vendor: Vendor, vendor_user: User) -> None:
    results = together(*[lambda: hand_in(vendor_user, vendor, lines(5)).pk] * 2)
    assert len(set(results)) == 1
    assert Import.objects.count() == 1


@pytest.mark.parametrize(("step", "state"), [("_finish_check", State.CHECKED), ("_finish_apply", State.DONE)])
def test_a_worker_that_is_killed_leaves_it_to_the_next(
    vendor: Vendor, vendor_user: User, step: str, state: str
) -> None:
    """`kill -9`, when all is looked at or written and nothing is committed."""
    if step == "_finish_check":
        made = hand_in(vendor_user, vendor, lines(300))
        imports.check_import(made, actor=vendor_user, columns=made.columns)
    else:
        made = checked(vendor_user, vendor, lines(300))
        imports.apply_import(made, actor=vendor_user)
    _kill_while(made, step)
    assert not Gateway.objects.exists()
    sweep_imports()
    assert worked(made).is_working  # its lease goes on for a while
    with clock.at(clock.now() + timedelta(minutes=5)):
        sweep_imports()
    assert worked(made).state == state
    assert Gateway.objects.count() == (300 if state == State.DONE else 0)


def test_sightings_that_meet_another_writer_crosswise_are_written_after_it(operator: User, vendor: Vendor) -> None:
    """PostgreSQL ends the one that waited first. Fails without `untangled`: the network server's script gets a 500."""
    first, second = (Gateway.objects.create(eui=f"58A0CBFFFE00000{digit}", vendor=vendor) for digit in "12")
    is_held = threading.Event()

    def write_crosswise() -> None:
        with transaction.atomic():
            Gateway.objects.filter(pk=second.pk).update(name="written")
            is_held.set()
            time.sleep(0.5)  # the sightings have the first by now, and wait for the second
            Gateway.objects.filter(pk=first.pk).update(name="written")

    def tell() -> int:
        is_held.wait(10)
        return record_sightings(operator, [Told(each.eui, clock.now()) for each in (first, second)]).taken

    assert set(together(write_crosswise, tell)) == {None, 2}
    assert {(each.name, each.sightings) for each in Gateway.objects.all()} == {("written", 1)}


def _kill_while(made: Import, step: str) -> None:
    environment = {**os.environ, "CERTADMIN_DATABASE_URL": _url(), "DJANGO_SETTINGS_MODULE": "certadmin.settings"}
    command = [sys.executable, "-c", HANGING, str(made.pk), step]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        try:
            assert "all is written" in worker.stdout.readline()
        finally:
            worker.kill()


def _url() -> str:
    at = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{at['NAME']}"
    return f"postgresql://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
