"""Certificates that differ in few places: one is made and linted by the code that makes every certificate, and cut
where they differ. Filling in is all that is left for each of the others (G5: one lint for each shape)."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from pki import asn1
from pki.errors import PkiError
from pki.issuing import Template, prepare
from pki.profiles import Profile

SERIAL_SIZE = 20


@dataclass(frozen=True, slots=True)
class Filled:
    """A DER TBSCertificate, and the name of the signature algorithm that it says (`pki.signatures`)."""

    tbs: bytes
    signature_algorithm: str


class Shapes:
    """The shapes of one issuer (DER certificate) and one profile, each made when the first certificate needs it."""

    def __init__(self, issuer_der: bytes, profile: Profile) -> None:
        self._issuer_der, self._profile = issuer_der, profile
        self._shapes: dict[tuple[object, ...], _Shape] = {}

    def fill(self, *, eui: str, serial: int, not_before: datetime, not_after: datetime, spki: bytes) -> Filled:
        """Return what `pki.issuing.prepare` would return for the same values, without linting it again.

        `spki` is a DER SubjectPublicKeyInfo in the one form of certificates, which `pki.csr` asks for; `serial` is one
        of `new_serial`; instants are aware UTC in whole seconds. Raises PkiError as `prepare` does, for the first
        certificate of a shape.
        """
        bits = asn1.key_bits(spki)
        values = (
            serial.to_bytes(SERIAL_SIZE, "big"),
            asn1.time(not_before),
            asn1.time(not_after),
            eui.encode(),
            spki,
            hashlib.sha1(bits, usedforsecurity=False).digest(),  # RFC 5280 section 4.2.1.2, method 1
        )
        kind = (spki[: -len(bits)], *map(len, values))
        shape = self._shapes.get(kind)
        if shape is None:
            template = Template(
                profile=self._profile,
                common_name=eui,
                public_key_der=spki,
                serial=serial,
                not_before=not_before,
                not_after=not_after,
                issuer_der=self._issuer_der,
            )
            shape = self._shapes[kind] = _cut(template, values)
        return shape.fill(values)


@dataclass(frozen=True, slots=True)
class _Shape:
    parts: tuple[bytes, ...]
    signature_algorithm: str

    def fill(self, values: tuple[bytes, ...]) -> Filled:
        filled = [self.parts[0]]
        for value, part in zip(values, self.parts[1:], strict=True):
            filled += (value, part)
        return Filled(b"".join(filled), self.signature_algorithm)


def _cut(template: Template, values: tuple[bytes, ...]) -> _Shape:
    """Make and lint this one, and cut it at each value, in the order in which they stand."""
    twin = prepare(template)
    return _Shape(cut(twin.tbs, *values), twin.signature_algorithm)


def cut(whole: bytes, *values: bytes) -> tuple[bytes, ...]:
    """Cut `whole` at each value, in this order; return what stands between. Raises PkiError `shape-unknown`."""
    parts = []
    for value in values:
        part, found, whole = whole.partition(value)
        if not found:
            raise PkiError("shape-unknown", "A certificate of this kind cannot be made in a batch.")
        parts.append(part)
    return (*parts, whole)
