"""Issuing that is interrupted, doubled or late: one certificate, and nothing that is not on record (G1, G3, G4)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import User, Vendor
from audit.models import Record
from cas.models import Signing
from cas.services import signing as signatures
from certificates import tasks
from certificates.models import MAX_ATTEMPTS, Certificate, Request
from certificates.services import approve_request, issue, issuing, request_certificate, retry_request, revoke_request
from core import clock
from core.errors import Refused
from gateways.services import register

EUI = "58A0CBFFFE8011D4"


class Crash(Exception):
    """What a killed worker looks like from inside."""


@pytest.fixture
def later(settings: Settings) -> Callable[[], None]:
    """Sweep when all leases are over, and plans are too old to be taken up."""

    def sweep() -> None:
        with clock.at(clock.now() + max(timedelta(seconds=settings.LEASE_SECONDS + 1), 2 * issuing.PLAN_AGE)):
            tasks.sweep()

    return sweep


def crash_before(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    def crash(*_: object, **__: object) -> None:
        raise Crash(name)

    monkeypatch.setattr(owner, name, crash)


def crash_after(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    real = getattr(owner, name)

    def act_and_crash(*args: object, **kwargs: object) -> None:
        real(*args, **kwargs)
        raise Crash(name)

    monkeypatch.setattr(owner, name, act_and_crash)


STEPS = [
    (crash_before, issuing, "_plan"),
    (crash_after, issuing, "_plan"),
    (crash_before, signatures, "reserve"),
    (crash_after, signatures, "reserve"),
    (crash_before, issuing, "_advance"),
    (crash_after, issuing, "_advance"),
    (crash_before, signatures, "sign"),
    (crash_after, signatures, "sign"),
    (crash_before, issuing, "refresh_current"),
    (crash_after, issuing, "_tell"),
]


@pytest.mark.parametrize(("crash", "owner", "name"), STEPS, ids=[f"{step[0].__name__}-{step[2]}" for step in STEPS])
def test_a_worker_that_dies_at_any_step_loses_and_doubles_nothing(
    crash: Callable[..., None],
    owner: Any,
    name: str,
    approved: Request,
    later: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """G1, G4: fails without the `_update` in `certificates.services.issuing._plan`: a second signature is made then."""
    with monkeypatch.context() as broken:
        crash(broken, owner, name)
        with pytest.raises(Crash):
            issue(approved.pk)
    assert not Certificate.objects.exists()

    later()

    made = Certificate.objects.get()
    approved.refresh_from_db()
    assert (approved.state, approved.lease_owner, approved.failure) == ("issued", "", "")
    assert [(each.serial, each.state) for each in Signing.objects.filter(subject=EUI)] == [(made.serial, "signed")]
    assert bytes(Signing.objects.get(subject=EUI).der or b"") == bytes(made.der)
    assert Record.objects.filter(action="certificate.issued").count() == 1


def test_before_its_lease_is_over_nobody_else_works_on_it(approved: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    """G4: fails without `unheld` in `core.leases.LeaseQuerySet.claim`."""
    with monkeypatch.context() as broken:
        crash_before(broken, issuing, "_advance")
        with pytest.raises(Crash):
            issue(approved.pk)
    assert issue(approved.pk) is None
    tasks.sweep()
    assert not Certificate.objects.exists()


@pytest.mark.parametrize("name", ["_advance", "_finish"])
def test_a_worker_that_lost_its_lease_finishes_nothing(
    name: str, approved: Request, later: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """G4: fails with neither `held_by(owner)` nor `state=state` in `certificates.services.issuing._update`."""
    real = getattr(issuing, name)
    slow = iter([True])

    def be_late(*args: object, **kwargs: object) -> object:
        if next(slow, False):
            later()  # meanwhile another worker takes over, and is done
        return real(*args, **kwargs)

    monkeypatch.setattr(issuing, name, be_late)
    assert issue(approved.pk) is None
    assert Certificate.objects.count() == 1
    assert Signing.objects.filter(subject=EUI).count() == 1


@pytest.mark.parametrize("name", ["_plan", "_advance", "_finish"])
def test_a_worker_that_lost_its_lease_does_not_meddle_with_the_next_one(
    name: str, approved: Request, later: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """G4: fails without `held_by(owner)` in `certificates.services.issuing._update`."""
    real = getattr(issuing, name)
    claimed: list[str | None] = []

    def be_late(*args: object, **kwargs: object) -> object:
        with clock.at(clock.now() + timedelta(hours=1)):
            claimed.append(Request.objects.unfinished().claim(approved.pk, seconds=60))
        return real(*args, **kwargs)

    with monkeypatch.context() as slow:
        slow.setattr(issuing, name, be_late)
        assert issue(approved.pk) is None
    assert not Certificate.objects.exists()
    approved.refresh_from_db()
    assert [approved.lease_owner] == claimed
    later()
    assert Certificate.objects.count() == 1


def test_a_late_worker_that_still_reserves_does_no_harm(
    approved: Request, later: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails without the second look in `certificates.services.issuing._reserve`."""
    real = signatures.reserve
    slow = iter([True])

    def be_overtaken(**kwargs: Any) -> Signing:
        if next(slow, False):
            real(**kwargs)  # the late one was a little faster
        return real(**kwargs)

    monkeypatch.setattr(signatures, "reserve", be_overtaken)
    assert issue(approved.pk) is not None
    assert Signing.objects.filter(subject=EUI).count() == 1


def sweep_often(later: Callable[[], None], times: int) -> None:
    for turn in range(times):
        with clock.at(clock.now() + timedelta(hours=turn + 1)):
            tasks.sweep()


def test_a_request_that_crashes_its_worker_is_set_aside_and_the_others_flow(
    approved: Request,
    operator: User,
    vendor: Vendor,
    vendor_user: User,
    later: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fails without the `attempts` in `issue`, or without the `except` in `certificates.tasks.sweep`."""
    real = issuing._plan

    def crash_on_the_first(request: Request, owner: str) -> None:
        if request.pk == approved.pk:
            raise Crash
        real(request, owner)

    monkeypatch.setattr(issuing, "_plan", crash_on_the_first)
    second = register(operator, vendor, "58A0CBFFFE8011D5")
    wish = request_certificate(vendor_user, second, lifetime_days=90, idempotency_key="2", key_type="P-256")
    approve_request(wish, actor=operator, expected_sha256=wish.content_sha256)
    sweep_often(later, MAX_ATTEMPTS + 1)
    approved.refresh_from_db()
    assert approved.state == "failed"
    assert "Set aside" in approved.failure
    assert Certificate.objects.get().gateway == second


@pytest.fixture
def set_aside(approved: Request, later: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> Request:
    """Its last row cannot be written, three times over."""
    with monkeypatch.context() as broken:
        crash_before(broken, issuing, "refresh_current")
        sweep_often(later, MAX_ATTEMPTS + 1)
    approved.refresh_from_db()
    return approved


def test_what_was_reserved_and_could_not_be_saved_may_exist(set_aside: Request) -> None:
    """G1: fails when `_stop` calls everything failed."""
    assert set_aside.state == "may-exist"
    assert set_aside.signing is not None
    assert set_aside.signing.serial == set_aside.serial


def test_what_may_exist_is_revoked_by_serial(set_aside: Request, operator: User) -> None:
    done = revoke_request(set_aside, actor=operator, reason="unspecified")
    assert done.state == "failed"
    assert done.signing is not None
    assert done.signing.revoked_at is not None
    tasks.sweep()
    assert not Certificate.objects.exists()


def test_what_may_exist_is_finished_with_the_same_signature(set_aside: Request, operator: User) -> None:
    retry_request(set_aside, actor=operator)
    made = issue(set_aside.pk)
    assert made is not None
    assert made.serial == set_aside.serial
    assert Signing.objects.filter(subject=EUI).count() == 1


def test_only_what_may_exist_is_revoked_by_its_request(certificate: Certificate, operator: User) -> None:
    assert certificate.request is not None
    with pytest.raises(Refused) as refused:
        revoke_request(certificate.request, actor=operator, reason="unspecified")
    assert refused.value.code == "nothing-to-revoke"
    assert Certificate.objects.get().revoked_at is None


def test_a_task_may_run_twice_and_late(approved: Request) -> None:
    for _ in range(3):
        tasks.issue(approved.pk)
    assert Certificate.objects.count() == 1


def test_a_task_for_nothing_does_nothing(db: None) -> None:
    tasks.issue(999_999)
    assert not Certificate.objects.exists()
