"""Reservations for the tests of signing: a root that signs itself, the smallest case there is."""

from datetime import timedelta

from cas.models import Signing
from cas.services import signing
from core import clock
from keys import services as vault
from keys.models import Key
from pki.issuing import Template, Twin, new_serial, prepare, validity
from pki.profiles import ROOT


def root_twin(key: Key, *, name: str = "Fjordnet Root", serial: int | None = None) -> Twin:
    start, end = validity(clock.now(), timedelta(days=3650), None)
    template = Template(
        profile=ROOT,
        common_name=name,
        public_key_der=vault.public_key(key.pk),
        serial=new_serial() if serial is None else serial,
        not_before=start,
        not_after=end,
        issuer_der=None,
    )
    return prepare(template)


def reserve_root(key: Key, *, name: str = "Fjordnet Root", serial: int | None = None) -> Signing:
    twin = root_twin(key, name=name, serial=serial)
    return signing.reserve(issuer=None, key=key, twin=twin, profile=ROOT, requester="Ines Maurer")
