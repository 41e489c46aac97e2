"""Holds everything that our keys signed against everything that is on record of it: an own way through the data, which
shares nothing with the services that write it. It reads, a page at a time, and raises the first `Discrepancy`."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Count, Model, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from cas.models import Authority, OcspSigner, RevocationList, Signing
from cas.services.profiles import find_profile
from certificates.models import Certificate, Request, ServerCertificate
from certificates.services.content import content_sha256
from keys.models import Key
from pki.errors import PkiError
from pki.facts import CertificateFacts
from pki.ledger import (
    Columns,
    Discrepancy,
    Registered,
    ServerWish,
    Wish,
    check_columns,
    check_issuer,
    check_registered,
    check_server_wish,
    check_shape,
    check_wish,
    read_der,
)
from pki.profiles import Profile

AT_ONCE = 500
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Counts:
    """How much was held against the record, all of it good. `unexplained` are uses of keys beyond what is on record."""

    certificates: int
    other_signatures: int
    keys: int
    uses: int
    unexplained: int


def check_ledger(*, others: Sequence[QuerySet[Any]] = (), most_unexplained: int = 0) -> Counts:
    """Check it all. `others` are rows of packages above this one, each with the `key` that signed it once.

    `most_unexplained` uses of keys may be beyond what is on record: those of interruptions that an operator knows of.
    """
    issuers = _Issuers()
    certificates = _check_certificates(issuers) + _check_servers(issuers)
    other_signatures = _check_other_signatures(issuers)
    _refuse_twins()
    keys, uses, unexplained = _check_uses(others, most_unexplained)
    return Counts(certificates, other_signatures, keys, uses, unexplained)


class _Issuers:
    """Our authorities, their keys and profiles, of which there are few: read once, and held against each other then."""

    @cached_property
    def _profiles(self) -> dict[tuple[str, int], Profile]:
        return {}

    def profile(self, name: str, version: int) -> Profile:
        if (name, version) not in self._profiles:
            self._profiles[name, version] = find_profile(name, version)
        return self._profiles[name, version]

    @cached_property
    def facts(self) -> dict[int, CertificateFacts]:
        rows = Authority.objects.operated().select_related("key")
        return {row.pk: self._checked(row) for row in rows}

    @cached_property
    def public_keys(self) -> dict[UUID, bytes]:
        """Those that sign certificates, roots that nobody wrote down included."""
        used = Key.objects.filter(pk__in=Signing.objects.values("key")).values_list("pk", "public_key", "spki_sha256")
        found = {pk: (bytes(public_key), spki_sha256) for pk, public_key, spki_sha256 in used}
        for pk, (public_key, spki_sha256) in found.items():
            if hashlib.sha256(public_key).hexdigest() != spki_sha256:
                raise Discrepancy("key-hash", f"Key {pk}: its public half does not have the hash recorded of it")
        return {pk: public_key for pk, (public_key, _) in found.items()}

    def _checked(self, row: Authority) -> CertificateFacts:
        with _named(f"Authority {row.pk} ({row.name})"):
            facts = read_der(bytes(row.der))
            check_columns(facts, _columns(row))
            if row.key is None or bytes(row.key.public_key) != facts.spki:
                raise Discrepancy("authority-key", "its certificate is not for the key that it signs with")
            return facts


def _check_certificates(issuers: _Issuers) -> int:
    """Every certificate that was issued here, with its signature and its request."""
    odd = Certificate.objects.exclude(origin=Certificate.Origin.ISSUED).filter(request__isnull=False).first()
    if odd is not None:
        raise Discrepancy("wrong-origin", f"Certificate {odd.pk}: it has a request, and is not said to be issued here")
    count = 0
    issued = Certificate.objects.filter(origin=Certificate.Origin.ISSUED)
    for row in _paged(issued.select_related("gateway", "request__signing", "request__gateway")):
        with _named(f"Certificate {row.pk} (serial {row.serial})"):
            _check_certificate(row, issuers)
        count += 1
    return count


def _check_certificate(row: Certificate, issuers: _Issuers) -> None:
    facts = read_der(bytes(row.der))
    check_columns(facts, _columns(row))
    request, signing = row.request, row.request.signing if row.request else None
    if request is None or signing is None:
        raise Discrepancy("no-signing", "nothing is on record of its request or of its signature")
    if signing.der is None or bytes(signing.der) != facts.der:
        raise Discrepancy("der-differs", f"it is not the certificate that signing {signing.pk} has")
    if signing.issuer_id != row.authority_id:
        raise Discrepancy("wrong-authority", f"its authority is not the one of signing {signing.pk}")
    _check_signing(signing, facts, issuers)
    _check_request(row, request, facts, issuers)


def _check_request(row: Certificate, request: Request, facts: CertificateFacts, issuers: _Issuers) -> None:
    signing = request.signing
    same = (
        ("gateway", row.gateway_id, request.gateway_id),
        ("vendor", request.vendor_id if row.handed_over_at else row.vendor_id, request.vendor_id),
        ("authority", row.authority_id, request.authority_id),
        ("serial", row.serial, request.serial),
        ("profile", signing and (signing.profile, signing.profile_version), (request.profile, request.profile_version)),
        ("state", Request.State.ISSUED, request.state),
    )
    check_wish(facts, _wish(row, request, issuers))
    for name, has, asked in same:
        if has != asked:
            raise Discrepancy(f"request-{name}", f"its {name} is {has}, and request {request.pk} says {asked}")
    request.authority = _with_digest(request.authority_id, issuers)
    if content_sha256(request) != request.content_sha256:
        raise Discrepancy("request-changed", f"request {request.pk} is not what was approved")


def _check_servers(issuers: _Issuers) -> int:
    """Every certificate of a server, with its signature and its wish."""
    count = 0
    for row in _paged(ServerCertificate.objects.made().select_related("signing")):
        with _named(f"Server certificate {row.pk} (serial {row.serial})"):
            _check_server(row, issuers)
        count += 1
    return count


def _check_server(row: ServerCertificate, issuers: _Issuers) -> None:
    facts, signing = read_der(bytes(row.der or b"")), row.signing
    check_columns(facts, _columns(row))
    if signing.der is None or bytes(signing.der) != facts.der:
        raise Discrepancy("der-differs", f"it is not the certificate that signing {signing.pk} has")
    if signing.issuer_id != row.authority_id:
        raise Discrepancy("wrong-authority", f"its authority is not the one of signing {signing.pk}")
    if (signing.profile, signing.profile_version) != (row.profile, row.profile_version):
        raise Discrepancy("wrong-profile", f"its profile is not the one of signing {signing.pk}")
    _check_signing(signing, facts, issuers)
    check_server_wish(facts, _server_wish(row, issuers))


def _server_wish(row: ServerCertificate, issuers: _Issuers) -> ServerWish:
    return ServerWish(
        hosts=tuple(row.hosts),
        names=tuple((name, value) for name, value in row.names),
        spki=bytes(row.public_key),
        lifetime=timedelta(days=row.lifetime_days),
        issuer_not_after=issuers.facts[row.authority_id].not_after,
    )


def _wish(row: Certificate, request: Request, issuers: _Issuers) -> Wish:
    return Wish(
        eui=row.gateway.eui,
        spki=bytes(request.public_key),
        lifetime=timedelta(days=request.lifetime_days),
        issuer_not_after=issuers.facts[row.authority_id].not_after,
    )


def _with_digest(pk: int, issuers: _Issuers) -> Authority:
    """As much of the authority as a request's content is hashed of."""
    if pk not in issuers.facts:
        raise Discrepancy("foreign-authority", "its request is for an authority that is not operated here")
    return Authority(pk=pk, sha256=issuers.facts[pk].sha256)


def _check_other_signatures(issuers: _Issuers) -> int:
    """Authorities, signers of OCSP, and certificates that were signed and are not written down yet."""
    count = 0
    signed = Signing.objects.filter(state=Signing.State.SIGNED)
    written = Q(request__certificate__origin=Certificate.Origin.ISSUED) | Q(server_certificate__der__isnull=False)
    for row in _paged(signed.exclude(written)):
        with _named(f"Signing {row.pk} (serial {row.serial})"):
            if row.der is None:
                raise Discrepancy("no-certificate", "it is said to be signed, and its certificate is missing")
            _check_signing(row, read_der(bytes(row.der)), issuers)
        count += 1
    return count


def _check_signing(row: Signing, facts: CertificateFacts, issuers: _Issuers) -> None:
    if row.state != Signing.State.SIGNED:
        raise Discrepancy("not-signed", f"signing {row.pk} has a certificate, and is not said to be signed")
    registered = Registered(
        serial=row.serial,
        tbs=bytes(row.tbs),
        tbs_sha256=row.tbs_sha256,
        signature_algorithm=row.signature_algorithm,
        not_after=row.not_after,
        public_key=issuers.public_keys[row.key_id],
    )
    check_registered(facts, registered)
    check_shape(facts, issuers.profile(row.profile, row.profile_version))
    if row.issuer_id is not None:
        _check_issuer(row, facts, issuers)


def _check_issuer(row: Signing, facts: CertificateFacts, issuers: _Issuers) -> None:
    issuer = issuers.facts.get(row.issuer_id or 0)
    if issuer is None:
        raise Discrepancy("foreign-authority", "its authority is not operated here")
    if issuer.spki != issuers.public_keys[row.key_id]:
        raise Discrepancy("wrong-issuer-key", "it was signed with another key than its authority's")
    check_issuer(facts, issuer)


def _refuse_twins() -> None:
    counted = Signing.objects.order_by().values("key", "serial").annotate(rows=Count("pk"))
    for twin in counted.filter(rows__gt=1)[:1]:
        raise Discrepancy("serial-twice", f"Key {twin['key']}: it signed serial {twin['serial']} more than once")


def _check_uses(others: Sequence[QuerySet[Any]], most_unexplained: int) -> tuple[int, int, int]:
    """One statement, so that the numbers are of one instant. What is reserved may have used its key or not."""
    signings, lists = Signing.objects.all(), RevocationList.objects.all()
    counted = [signings.filter(state=Signing.State.SIGNED), lists.signed(), *others]
    begun = [signings.exclude(state=Signing.State.SIGNED), lists.unsigned()]
    keys: QuerySet[Any] = Key.objects.exclude(purpose__in=["gateway", "server"], signatures=0).order_by(
        "created_at", "pk"
    )
    keys = keys.annotate(
        on_record=sum((_rows_of(each) for each in counted), start=_responses()),
        maybe=sum((_rows_of(each) for each in begun[1:]), start=_rows_of(begun[0])),
    )
    total = uses = unexplained = 0
    for pk, purpose, used, on_record, maybe in keys.values_list("pk", "purpose", "signatures", "on_record", "maybe"):
        total, uses, beyond = total + 1, uses + used, max(0, used - on_record - maybe)
        unexplained += beyond
        if used < on_record or (beyond and unexplained > most_unexplained):
            raise Discrepancy("uses-differ", _in_words(pk, purpose, used, on_record=on_record, maybe=maybe))
    return total, uses, unexplained


def _in_words(pk: UUID, purpose: str, used: int, *, on_record: int, maybe: int) -> str:
    doubtful = f", and {maybe} that were begun" if maybe else ""
    said = f"Key {pk} ({purpose}): the vault counts {used} uses, and on record are {on_record}{doubtful}"
    return said if used < on_record else f"{said}. An interrupted signature that was made again counts twice"


def _rows_of(rows: QuerySet[Any]) -> Coalesce:
    mine = rows.filter(key=OuterRef("pk")).order_by().values("key").annotate(rows=Count("pk")).values("rows")
    return Coalesce(Subquery(mine), 0)


def _responses() -> Coalesce:
    mine = OcspSigner.objects.filter(key=OuterRef("pk")).order_by().values("key")
    return Coalesce(Subquery(mine.annotate(said=Sum("responses")).values("said")), 0)


def _columns(row: Authority | Certificate | ServerCertificate) -> Columns:
    if row.sha256 is None or row.not_before is None or row.not_after is None:
        raise Discrepancy("column-empty", "a column of it is empty")
    return Columns(row.sha256, row.serial, row.not_before, row.not_after, row.key_type, row.spki_sha256)


def _paged(rows: QuerySet[Row]) -> Iterator[Row]:
    """By their ids, so that neither we nor the database hold more than a page: a cursor outside of a transaction makes
    PostgreSQL copy all of it first."""
    after = 0
    while page := list(rows.filter(Q(pk__gt=after)).order_by("pk")[:AT_ONCE]):
        yield from page
        after = page[-1].pk


@contextmanager
def _named(what: str) -> Iterator[None]:
    """Whatever is wrong inside is said of `what`."""
    try:
        yield
    except PkiError as error:
        raise Discrepancy(error.code, f"{what}: {error.message}") from error
