"""Operated authorities: made here, their keys in the vault."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import User
from audit.services import SYSTEM, record
from cas.models import Authority, Signing
from cas.services import signing
from cas.services.profiles import current_profile
from core import clock
from core.errors import Refused
from keys import services as vault
from keys.models import Key
from pki.certificate_template import NAME_ATTRIBUTES
from pki.errors import PkiError
from pki.facts import read_certificate
from pki.issuing import Template, Twin, new_serial, prepare, validity
from pki.profiles import ISSUING, ROOT, SERVER_ISSUING, Profile

log = logging.getLogger(__name__)

YEAR = timedelta(days=365)
_FIELDS = {
    "name-refused": "name",
    "key-type-refused": "key_type",
    "lifetime-refused": "years",
    "path-length-refused": "path_length",
    "path-length-exhausted": "parent",
    "issuer-expired": "parent",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What an operator asks for. `path_length` counts the authorities that may stand below in one path."""

    name: str
    organisation: str
    key_type: str
    years: int
    path_length: int
    others: tuple[tuple[str, str], ...] = ()  # further attributes of the name: C, ST, L, OU
    provider: str = Key.Provider.SEALED.value  # where the key lives

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """As `pki.issuing.Template` takes them."""
        given = {**dict(self.others), **({"O": self.organisation} if self.organisation else {})}
        return tuple((name, given[name]) for name in NAME_ATTRIBUTES if name in given)


def create_root(actor: User, plan: Plan) -> Authority:
    """Make a key and a root that it signs."""
    return _create(actor, plan, profile=current_profile(ROOT.name), parent=None)


def create_issuing(actor: User, parent: Authority, plan: Plan, *, for_servers: bool = False) -> Authority:
    """Make a key and an issuing authority under `parent`, an operated root that it never outlives."""
    if not (parent.is_operated and parent.is_root):
        raise Refused("not-an-operated-root", "Choose a root that is operated here.", field="parent")
    if clock.now() + plan.years * YEAR > parent.not_after:
        message = f"{parent.name} ends on {parent.not_after:%d %B %Y}. {_longest_under(parent)}"
        raise Refused("outlives-issuer", message, field="years")
    profile = current_profile(SERVER_ISSUING.name if for_servers else ISSUING.name)
    return _create(actor, plan, profile=profile, parent=parent)


def finish_interrupted() -> int:
    """Write down the authorities that were signed by somebody who did not live to do it; return how many.

    The certificate is the one on record, to the byte: nothing is signed anew.
    """
    count = 0
    for row in Signing.objects.without_authority(signing.stale_since()).select_related("issuer"):
        try:
            _finish(row)
        except Exception:
            log.exception("The authority of signing %s could not be completed", row.pk)
        else:
            count += 1
    return count


def give_up(row: Signing, *, actor: User, reason: str) -> Signing:
    """Revoke by serial what may exist. The key of a root, which signs nothing but itself then, is destroyed."""
    with transaction.atomic():
        revoked = signing.revoke_signing(row, actor=actor, reason=reason)
        if revoked.state != Signing.State.MAY_EXIST:
            raise Refused("signed-meanwhile", "It was signed meanwhile, and is on record. Reload the page.")
        if revoked.issuer_id is None:
            vault.destroy_key(revoked.key_id)
    return revoked


def _create(actor: User, plan: Plan, *, profile: Profile, parent: Authority | None) -> Authority:
    """Key, reservation, signature, row: each committed before the next, so that nothing is signed unrecorded."""
    _refuse_taken(plan.name)
    vault.check_key(parent.key_id if parent else None)
    key = vault.create_key(plan.key_type, purpose="authority", provider=plan.provider)
    reserved = _reserve(actor, plan, profile=profile, parent=parent, key=key)
    return _keep(actor, signing.sign(reserved), parent=parent, key=key, requester=actor.name)


def _refuse_taken(name: str) -> None:
    if Authority.objects.operated().filter(name=name).exists():
        message = f"An authority with the name {name} is operated here already. A successor needs a name of its own."
        raise Refused("name-taken", message, field="name")


def _reserve(actor: User, plan: Plan, *, profile: Profile, parent: Authority | None, key: Key) -> Signing:
    """Reserve; where that is refused, the new key has no use and is destroyed."""
    signer = parent.key if parent and parent.key else key
    try:
        twin = _twin(plan, profile=profile, parent=parent, key=key)
        return signing.reserve(issuer=parent, key=signer, twin=twin, profile=profile, requester=actor.name)
    except PkiError as error:
        vault.destroy_key(key.pk)
        raise Refused(error.code, error.message, field=_FIELDS.get(error.code)) from error
    except Refused:
        vault.destroy_key(key.pk)
        raise


def _twin(plan: Plan, *, profile: Profile, parent: Authority | None, key: Key) -> Twin:
    start, end = validity(clock.now(), plan.years * YEAR, parent.not_after if parent else None)
    return prepare(
        Template(
            profile=profile,
            common_name=plan.name,
            names=plan.names,
            public_key_der=bytes(key.public_key),
            serial=new_serial(),
            not_before=start,
            not_after=end,
            issuer_der=bytes(parent.der) if parent else None,
            path_length=plan.path_length,
        )
    )


def _finish(row: Signing) -> Authority:
    der = signing.sign(row)  # signed before, so these are the recorded bytes
    facts = read_certificate(der)
    key = vault.find_key(facts.spki_sha256)
    if key is None:
        raise Refused("key-destroyed", f"The key of {facts.name} is destroyed. Revoke serial {row.serial}.")
    return _keep(None, der, parent=row.issuer, key=key, requester=row.requester)


def _keep(actor: User | None, der: bytes, *, parent: Authority | None, key: Key, requester: str) -> Authority:
    """Write the authority down, unless somebody was faster; `actor` is None for the schedule."""
    authority = _operated(actor, der, parent=parent, key=key)
    try:
        with transaction.atomic():
            authority.save()
            details: dict[str, Any] = {"sha256": authority.sha256, "requester": requester, "key": key.provider}
            kind = "root" if parent is None else "issuing"
            record(actor or SYSTEM, "authority.created", subject=authority, kind=kind, **details)
    except IntegrityError:
        return Authority.objects.get(sha256=authority.sha256)
    return authority


def _operated(actor: User | None, der: bytes, *, parent: Authority | None, key: Key) -> Authority:
    now = clock.now()
    return Authority.from_facts(
        read_certificate(der),
        origin=Authority.Origin.OPERATED,
        state=Authority.State.APPROVED,
        parent=parent,
        key=key,
        submitted_by=actor,
        submitted_at=now,
        decided_by=actor,
        decided_at=now,
    )


def _longest_under(parent: Authority) -> str:
    years = (parent.not_after - clock.now()) // YEAR
    return f"Choose at most {years} years." if years > 0 else "It is too old to issue from: create a new root first."
