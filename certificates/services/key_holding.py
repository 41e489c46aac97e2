"""Each gateway has a key of its own: two with the same key cannot be told apart, and one revoked is both."""

import hashlib
from collections.abc import Iterable

from django.db.models import F

from cas.models import Authority
from certificates.models import KeyHolder
from core.errors import Refused
from gateways.models import Gateway

OF_AN_AUTHORITY = "An authority has this key. Make a key on each gateway, and another for an authority."


def keys_of_authorities(spki_sha256s: Iterable[str]) -> set[str]:
    """Those of these keys that authorities have, ours or uploaded: whoever signs certificates is no gateway."""
    found = Authority.objects.filter(spki_sha256__any_of=spki_sha256s)
    return set(found.values_list("spki_sha256", flat=True))


def hold_key(gateway: Gateway, public_key: bytes, *, field: str | None = None) -> None:
    """Make `gateway` the one that `public_key` (SubjectPublicKeyInfo, DER) is for, in the caller's transaction.

    Refused where an authority has it, and while another gateway was certified for it, or may yet be. A key that
    another only asked for in vain is free again: some gateways cannot make a second one.
    """
    spki_sha256 = hashlib.sha256(public_key).hexdigest()
    if keys_of_authorities([spki_sha256]):
        raise Refused("key-of-an-authority", OF_AN_AUTHORITY, field=field)
    KeyHolder.objects.get_or_create(spki_sha256=spki_sha256, defaults={"gateway": gateway})
    holding = KeyHolder.objects.filter(spki_sha256=spki_sha256)
    holding.update(gateway=F("gateway"))  # changes nothing, and lets those who want the same key come one by one
    others = holding.exclude(gateway=gateway)
    if others.in_use(public_key).exists():
        raise Refused("key-in-use", "Another gateway uses this key. Make a key on each gateway.", field=field)
    others.update(gateway=gateway)
