"""The row of an operated authority through which one worker at a time says what the authority revoked."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings

from cas.models import Authority, StatusService
from core import clock
from pki import asn1


@dataclass(frozen=True, slots=True)
class Held:
    """An authority that is ours to speak for."""

    authority: Authority
    owner: str

    def prolong(self) -> None:
        """Prolong the lease inside the caller's transaction, or raise `TakenOver`."""
        StatusService.objects.prolong(self.owner, seconds=settings.LEASE_SECONDS)


@contextmanager
def holding(authority_id: int) -> Iterator[Held | None]:
    """Hold an operated authority that has not ended; None where there is none, or another worker has it."""
    authority = Authority.objects.operated().valid_at(clock.now()).filter(pk=authority_id).first()
    owner = None
    if authority is not None:
        owner = StatusService.objects.claim(status_service(authority).pk, seconds=settings.LEASE_SECONDS)
    try:
        yield Held(authority, owner) if authority and owner else None
    finally:
        if owner:
            StatusService.objects.let_go(owner)


def status_service(authority: Authority) -> StatusService:
    """The row of an operated authority, made where there is none."""
    der = bytes(authority.der)
    name, key = asn1.subject_of(der), asn1.key_bits(asn1.public_key_of(der))
    sha1 = hashlib.sha1(name, usedforsecurity=False).hexdigest() + hashlib.sha1(key, usedforsecurity=False).hexdigest()
    sha256 = hashlib.sha256(name).hexdigest() + hashlib.sha256(key).hexdigest()
    return StatusService.objects.get_or_create(authority=authority, defaults={"sha1_id": sha1, "sha256_id": sha256})[0]
