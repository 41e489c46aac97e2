"""Operated authorities."""

from datetime import timedelta

import pytest
from cryptography import x509
from django.conf import settings

from accounts.models import User
from audit.models import Record
from cas.models import Authority, Signing
from cas.services import operate, signing
from cas.services.operate import Plan
from core import clock
from core.errors import Refused
from keys import services as vault
from keys.models import Key

pytestmark = pytest.mark.django_db(transaction=True)

ROOT_PLAN = Plan("Fjordnet Root", "Fjordnet", "P-256", years=20, path_length=1)
ISSUING_PLAN = Plan("Fjordnet Gateways 1", "Fjordnet", "P-256", years=10, path_length=0)


@pytest.fixture
def root(operator: User) -> Authority:
    return operate.create_root(operator, ROOT_PLAN)


def test_a_root_is_kept_with_its_facts_and_its_key(root: Authority, operator: User) -> None:
    assert (root.name, root.key_type, root.path_length) == ("Fjordnet Root", "P-256", 1)
    assert root.is_root
    assert root.is_operated
    assert root.key is not None
    assert vault.public_key(root.key.pk) == bytes(root.key.public_key)
    assert Record.objects.get(action="authority.created").actor_id == operator.pk


def test_an_issuing_authority_stands_below_its_root(root: Authority, operator: User) -> None:
    issuing = operate.create_issuing(operator, root, ISSUING_PLAN)
    assert [each.name for each in issuing.chain()] == ["Fjordnet Gateways 1", "Fjordnet Root"]
    certificate, above = (x509.load_der_x509_certificate(bytes(each.der)) for each in issuing.chain())
    certificate.verify_directly_issued_by(above)
    assert issuing.is_issuing
    assert list(Authority.objects.usable_at(clock.now())) == [issuing]


@pytest.mark.parametrize("key_type", ["P-384", "RSA 2048"])
def test_other_keys_sign_too(operator: User, key_type: str) -> None:
    root = operate.create_root(operator, Plan("Other", "", key_type, years=10, path_length=1))
    issuing = operate.create_issuing(operator, root, Plan("Below", "", "P-256", years=5, path_length=0))
    certificate, above = (x509.load_der_x509_certificate(bytes(each.der)) for each in issuing.chain())
    certificate.verify_directly_issued_by(above)


def test_every_signature_has_a_row(root: Authority, operator: User) -> None:
    """G1: fails without the call of `signing.reserve` in `cas.services.operate._reserve`."""
    issuing = operate.create_issuing(operator, root, ISSUING_PLAN)
    rows = {row.serial: row for row in Signing.objects.all()}
    assert set(rows) == {root.serial, issuing.serial}
    assert {row.key_id for row in rows.values()} == {root.key_id}
    assert rows[issuing.serial].issuer == root
    assert _signatures(root) == 2


def test_it_never_outlives_its_root(root: Authority, operator: User) -> None:
    with clock.at(root.not_after - timedelta(days=8 * 365)), pytest.raises(Refused, match="at most 8 years") as refusal:
        operate.create_issuing(operator, root, ISSUING_PLAN)
    assert refusal.value.field == "years"


def test_a_root_too_old_to_issue_from_says_so(root: Authority, operator: User) -> None:
    with clock.at(root.not_after + timedelta(days=1)), pytest.raises(Refused, match="new root"):
        operate.create_issuing(operator, root, ISSUING_PLAN)


def test_only_an_operated_root_can_be_above(root: Authority, operator: User) -> None:
    issuing = operate.create_issuing(operator, root, ISSUING_PLAN)
    with pytest.raises(Refused) as refusal:
        operate.create_issuing(operator, issuing, ISSUING_PLAN)
    assert refusal.value.field == "parent"


def test_a_name_is_given_once(root: Authority, operator: User) -> None:
    with pytest.raises(Refused) as refusal:
        operate.create_root(operator, ROOT_PLAN)
    assert (refusal.value.code, refusal.value.field) == ("name-taken", "name")


def test_a_double_click_makes_one_root(operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """G3: fails without the constraint `operated_authority_name_once` of `cas.models.Signing`."""
    genuine = vault.create_key
    made: list[Authority] = []

    def meanwhile(key_type: str, **more: str) -> Key:
        with monkeypatch.context() as second_click:
            second_click.setattr(vault, "create_key", genuine)
            made.append(operate.create_root(operator, ROOT_PLAN))
        return genuine(key_type, **more)

    monkeypatch.setattr(vault, "create_key", meanwhile)
    with pytest.raises(Refused) as refusal:
        operate.create_root(operator, ROOT_PLAN)
    assert refusal.value.code == "already-reserved"
    assert list(Authority.objects.all()) == made
    assert Key.objects.filter(destroyed_at__isnull=True).count() == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "Fjordnet\n Root"}, "name"),
        ({"years": 31}, "years"),
    ],
)
def test_what_makes_no_certificate_is_refused_beside_its_field(
    operator: User, changes: dict[str, object], field: str
) -> None:
    plan = Plan(**({"name": "R", "organisation": "", "key_type": "P-256", "years": 10, "path_length": 1} | changes))  # type: ignore[arg-type]  # each change is a field
    with pytest.raises(Refused) as refusal:
        operate.create_root(operator, plan)
    assert refusal.value.field == field
    assert not Key.objects.filter(destroyed_at__isnull=True).exists()


def test_a_crash_after_the_signature_is_listed_and_can_be_revoked_by_serial(
    root: Authority, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G1: fails without `signing.reserve` before `signing.sign` in `cas.services.operate._create`."""
    with monkeypatch.context() as crash:
        crash.setattr(signing, "complete", _crash)
        with pytest.raises(_Crash):
            operate.create_issuing(operator, root, ISSUING_PLAN)
    with clock.at(clock.now() + timedelta(seconds=settings.LEASE_SECONDS * signing.LEASES_UNTIL_SETTLED + 1)):
        signing.settle_stale()
    row = Signing.objects.may_exist().get(issuer=root)
    signing.revoke_signing(row, actor=operator, reason=Signing.Reason.UNSPECIFIED)
    assert row.revoked_at is not None
    assert Record.objects.filter(action="signing.revoked", details__serial=row.serial).exists()


def test_what_was_revoked_is_not_finished(root: Authority, operator: User) -> None:
    row = Signing.objects.get()
    Signing.objects.filter(pk=row.pk).update(state=Signing.State.RESERVED, der=None, signed_at=None)
    signing.revoke_signing(row, actor=operator, reason=Signing.Reason.UNSPECIFIED)
    with pytest.raises(Refused, match="revoked"):
        signing.sign(row)
    assert _signatures(root) == 1


def _signatures(authority: Authority) -> int:
    return Key.objects.get(spki_sha256=authority.spki_sha256).signatures


class _Crash(BaseException):
    """The process is gone: nothing catches this."""


def _crash(*_: object, **__: object) -> bytes:
    raise _Crash
