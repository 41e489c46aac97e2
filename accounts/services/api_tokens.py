"""Tokens of the API: made, used and revoked."""

import copy
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Q

from accounts.models import ApiToken, Role, User, Vendor
from accounts.services.passwords import confirm_password
from accounts.services.tokens import hash_of, new_token
from accounts.token_memory import MEMORY
from audit.services import record
from core import clock
from core.errors import Forbidden, Refused
from core.scopes import Scope

PREFIX = "cad_"  # by which scanners of secrets know one
MOST_DAYS = 366
MOST_TOKENS = 50
MINUTE = timedelta(minutes=1)
SCOPES = {
    Role.OPERATOR: tuple(Scope),
    Role.VENDOR: (Scope.READ, Scope.GATEWAYS, Scope.CERTIFICATES, Scope.KEYS, Scope.AUTHORITIES),
    Role.AUDITOR: (Scope.READ, Scope.AUDIT),
}


def scopes_of(user: User, vendor: Vendor | None = None) -> tuple[Scope, ...]:
    """What a token of this person may be for: narrowed to one vendor, an operator's does what that vendor's people
    do."""
    return SCOPES[Role.VENDOR if vendor else Role(user.role)]


def make_token(
    actor: User, *, name: str, scopes: Sequence[str], days: int, password: str, vendor: Vendor | None = None
) -> tuple[ApiToken, str]:
    """Make a token of `actor`'s own. Return it with its secret, which nobody can read again."""
    confirm_password(actor, password)
    _refuse_unfit(actor, scopes, days, vendor)
    token, _ = new_token()
    secret = f"{PREFIX}{token}"
    with transaction.atomic():
        made = ApiToken.objects.create(
            owner=actor,
            vendor=vendor,
            name=name,
            token_hash=hash_of(secret),
            ending=secret[-4:],
            scopes=sorted(set(scopes)),
            expires_at=clock.now() + timedelta(days=days),
        )
        about = {"scopes": made.scopes, "days": days, "only": vendor.name if vendor else ""}
        record(actor, "token.made", subject=made, vendor_id=actor.vendor_id, **about)
    return made, secret


def revoke_token(token: ApiToken, *, actor: User) -> None:
    """From now on it opens nothing. Everybody may revoke one's own, an operator all."""
    if not (actor.is_operator or token.owner_id == actor.pk):
        raise Forbidden("not-your-token", "You can revoke your own tokens only.")
    with transaction.atomic():
        live = ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True)
        if live.update(revoked_at=clock.now(), revoked_by=actor):
            record(actor, "token.revoked", subject=token, vendor_id=token.owner.vendor_id, owner=token.owner.name)
            transaction.on_commit(MEMORY.forget)


def find_token(secret: str) -> ApiToken | None:
    """The token of this secret, with its owner, where it opens anything now."""
    if not secret.startswith(PREFIX) or len(secret) > 100:
        return None
    secret_hash = hash_of(secret)
    return MEMORY.find(secret_hash, lambda: _usable(secret_hash))


def _usable(secret_hash: str) -> ApiToken | None:
    usable = ApiToken.objects.usable_at(clock.now()).select_related("owner__vendor", "vendor")
    return usable.filter(token_hash=secret_hash).first()


def acting_as(token: ApiToken) -> User:
    """Whom the token acts as: its owner; narrowed to a vendor, with the rights of that vendor's people."""
    person = token.owner
    if token.vendor is None:
        return person
    narrowed = copy.copy(person)  # never saved: a role of this call only
    narrowed.role, narrowed.vendor = Role.VENDOR, token.vendor
    return narrowed


def note_use(token: ApiToken) -> None:
    """Write down that it was used, at most once a minute."""
    now = clock.now()
    if token.last_used_at is None or token.last_used_at <= now - MINUTE:
        before = Q(last_used_at=None) | Q(last_used_at__lte=now - MINUTE)
        ApiToken.objects.filter(before, pk=token.pk).update(last_used_at=now)
        token.last_used_at = now


def take_calls(token: ApiToken, minute: int, *, wanted: int, most: int) -> tuple[int, int]:
    """Take up to `wanted` of the token's `most` calls of this minute for the asking process. Return how many it got,
    and how many nobody has taken yet.

    By conditional updates: however many processes ask, together they get `most` and no more.
    """
    mine = ApiToken.objects.filter(pk=token.pk)
    mine.filter(minute__lt=minute).update(minute=minute, taken=0)
    taken = mine.filter(minute=minute).values_list("taken", flat=True).first()
    while taken is not None and taken < most:
        got = min(wanted, most - taken)
        if mine.filter(minute=minute, taken=taken).update(taken=taken + got):
            return got, most - taken - got
        taken = mine.filter(minute=minute).values_list("taken", flat=True).first()
    return 0, 0


def _refuse_unfit(actor: User, scopes: Sequence[str], days: int, vendor: Vendor | None) -> None:
    if vendor is not None and not actor.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator narrows a token to a vendor.")
    beyond = set(scopes) - set(scopes_of(actor, vendor))
    if beyond or not scopes:
        named = ", ".join(sorted(beyond)) or "nothing"
        raise Refused("scope-refused", f"Your token cannot be for {named}. Choose others.", field="scopes")
    if not 1 <= days <= MOST_DAYS:
        raise Refused("days-refused", f"A token lasts from 1 to {MOST_DAYS} days.", field="days")
    if actor.api_tokens.usable_at(clock.now()).count() >= MOST_TOKENS:
        raise Refused("too-many-tokens", f"You have {MOST_TOKENS} tokens. Revoke those that nobody uses.")
