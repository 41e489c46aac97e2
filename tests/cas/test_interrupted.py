"""Making an operated authority, interrupted between its signature and its row, and roots that may exist."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import User
from audit.models import Record
from cas.models import Authority, Signing
from cas.services import operate, signing
from cas.services.operate import Plan
from certificates import tasks
from core import clock
from core.errors import Refused
from keys import services as vault
from keys.models import Key
from pki.facts import read_certificate

pytestmark = pytest.mark.django_db(transaction=True)
SignIn = Callable[[User], Client]

ROOT_PLAN = Plan("Fjordnet Root", "Fjordnet", "P-256", years=20, path_length=1)
ISSUING_PLAN = Plan("Fjordnet Gateways 1", "Fjordnet", "P-256", years=10, path_length=0)


class _Crash(BaseException):
    """The process is gone: nothing catches this."""


def crash(*_: object, **__: object) -> None:
    raise _Crash


@contextmanager
def long_after() -> Iterator[None]:
    """When nobody who began now can be at it still."""
    with clock.at(clock.now() + timedelta(seconds=settings.LEASE_SECONDS * signing.LEASES_UNTIL_SETTLED + 1)):
        yield


@pytest.fixture
def interrupted(operator: User, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Signing]:
    """Make an authority and die at `step`."""

    def make(parent: Authority | None = None, *, owner: object = operate, step: str = "_keep") -> Signing:
        with monkeypatch.context() as broken:
            broken.setattr(owner, step, crash)
            with pytest.raises(_Crash):
                _make(operator, parent)
        return Signing.objects.latest("pk")

    return make


def _make(operator: User, parent: Authority | None) -> Authority:
    return (
        operate.create_issuing(operator, parent, ISSUING_PLAN) if parent else operate.create_root(operator, ROOT_PLAN)
    )


# signed, and not written down


def test_a_root_that_was_signed_is_written_down_as_it_was_signed(
    interrupted: Callable[..., Signing], operator: User
) -> None:
    """G1: fails without `finish_interrupted` in `certificates.tasks.sweep`."""
    row = interrupted()
    with long_after():
        tasks.sweep()
    root = Authority.objects.get()
    assert bytes(root.der) == bytes(row.der or b"")
    assert (root.origin, root.state, root.is_root, root.key_id) == ("operated", "approved", True, row.key_id)
    assert Key.objects.get().signatures == 1
    act = Record.objects.get(action="authority.created")
    assert (act.actor_kind, act.details["requester"]) == ("system", operator.name)
    assert operate.create_issuing(operator, root, ISSUING_PLAN).parent == root


def test_an_issuing_authority_that_was_signed_is_written_down_with_its_own_key(
    interrupted: Callable[..., Signing], operator: User
) -> None:
    """Fails when the key that signed is taken for the authority's own."""
    root = operate.create_root(operator, ROOT_PLAN)
    row = interrupted(root)
    with long_after():
        assert operate.finish_interrupted() == 1
    made = Authority.objects.get(parent=root)
    assert (bytes(made.der), made.serial, made.name) == (bytes(row.der or b""), row.serial, ISSUING_PLAN.name)
    assert made.key is not None
    assert made.key != root.key
    key = vault.public_key(made.key.pk)
    assert read_certificate(bytes(made.der)).spki_sha256 == hashlib.sha256(key).hexdigest()
    assert list(Authority.objects.usable_at(clock.now())) == [made]


def test_who_is_still_at_it_is_left_alone(interrupted: Callable[..., Signing]) -> None:
    """Fails without `signed_at` in `cas.models.SigningQuerySet.without_authority`."""
    interrupted()
    assert operate.finish_interrupted() == 0
    assert not Authority.objects.exists()


def test_what_is_written_down_is_not_written_down_again(operator: User) -> None:
    operate.create_issuing(operator, operate.create_root(operator, ROOT_PLAN), ISSUING_PLAN)
    with long_after():
        assert operate.finish_interrupted() == 0
    assert Authority.objects.count() == 2


def test_who_comes_late_finds_what_the_schedule_wrote(operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails without the `except IntegrityError` in `cas.services.operate._keep`."""
    keep = operate._keep

    def be_overtaken(*args: object, **more: object) -> Authority:
        with monkeypatch.context() as other:
            other.setattr(operate, "_keep", keep)
            with long_after():
                assert operate.finish_interrupted() == 1
        return keep(*args, **more)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(operate, "_keep", be_overtaken)
    assert operate.create_root(operator, ROOT_PLAN) == Authority.objects.get()
    assert Record.objects.filter(action="authority.created").count() == 1


def test_what_was_revoked_meanwhile_stays_away(interrupted: Callable[..., Signing], operator: User) -> None:
    """Fails without `revoked_at` in `cas.models.SigningQuerySet.without_authority`."""
    signing.revoke_signing(interrupted(), actor=operator, reason="unspecified")
    with long_after():
        tasks.sweep()
    assert not Authority.objects.exists()


def test_one_that_cannot_be_completed_keeps_no_other_back(
    interrupted: Callable[..., Signing], operator: User, caplog: pytest.LogCaptureFixture
) -> None:
    """Fails without the `except` in `cas.services.operate.finish_interrupted`."""
    root = operate.create_root(operator, ROOT_PLAN)
    bad = interrupted(root)
    Key.objects.exclude(spki_sha256=root.spki_sha256).update(spki_sha256="0" * 64)
    Signing.objects.filter(pk=bad.pk).update(subject="Another name")
    good = interrupted(root)
    with long_after():
        assert operate.finish_interrupted() == 1
    assert Authority.objects.get(parent=root).serial == good.serial
    assert f"signing {bad.pk}" in caplog.text


# roots that may exist


@pytest.fixture
def doubtful(interrupted: Callable[..., Signing]) -> Signing:
    """A root whose signature was made, and then lost."""
    row = interrupted(owner=signing, step="complete")
    with long_after():
        tasks.sweep()
    row.refresh_from_db()
    assert row.state == "may-exist"
    return row


def test_a_root_that_may_exist_is_listed_and_revoked(doubtful: Signing, operator: User, client_of: SignIn) -> None:
    """Fails when the page knows only what an issuer signed."""
    client = client_of(operator)
    page = client.get("/authorities/").content.decode()
    assert "Roots that may exist" in page
    assert ROOT_PLAN.name in page
    after = client.post(f"/authorities/signings/{doubtful.pk}/revoke/", {"reason": "unspecified"}, follow=True)
    assert "Roots that may exist" not in after.content.decode()
    doubtful.refresh_from_db()
    assert doubtful.revoked_at is not None
    assert Key.objects.get().destroyed_at is not None
    assert operate.create_root(operator, ROOT_PLAN).name == ROOT_PLAN.name


@pytest.mark.parametrize(("who", "sees"), [("auditor", True), ("vendor_user", False)])
def test_others_revoke_no_root(
    who: str, sees: bool, doubtful: Signing, client_of: SignIn, request: pytest.FixtureRequest
) -> None:
    client = client_of(request.getfixturevalue(who))
    page = client.get("/authorities/").content.decode()
    assert ("Roots that may exist" in page) is sees
    assert "/revoke/" not in page
    answer = client.post(f"/authorities/signings/{doubtful.pk}/revoke/", {"reason": "unspecified"})
    assert answer.status_code == 403
    assert Key.objects.get().destroyed_at is None


def test_a_root_that_was_signed_meanwhile_is_not_given_up(doubtful: Signing, operator: User) -> None:
    """Fails without the look at the state in `cas.services.operate.give_up`: a root in use would lose its key."""
    signing.sign(doubtful)
    with pytest.raises(Refused, match="meanwhile"):
        operate.give_up(doubtful, actor=operator, reason="unspecified")
    doubtful.refresh_from_db()
    assert doubtful.revoked_at is None
    assert Key.objects.get().destroyed_at is None


def test_giving_up_an_issuing_authority_leaves_the_key_that_would_have_signed(
    interrupted: Callable[..., Signing], operator: User
) -> None:
    root = operate.create_root(operator, ROOT_PLAN)
    row = interrupted(root, owner=signing, step="complete")
    with long_after():
        tasks.sweep()
    row.refresh_from_db()
    operate.give_up(row, actor=operator, reason="unspecified")
    assert Key.objects.get(spki_sha256=root.spki_sha256).destroyed_at is None


def test_an_empty_plan_says_what_is_missing(operator: User, client_of: SignIn) -> None:
    page = client_of(operator).post("/authorities/operate/", {}).content.decode()
    assert 'id="id_name_error"' in page
