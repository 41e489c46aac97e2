"""Certificates of the fleet's own servers: made, finished where that was interrupted, renewed and revoked."""

import hashlib
import logging
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts.models import User
from audit.services import SYSTEM, record
from cas.models import Authority
from cas.services import signing as register
from cas.services.profiles import find_profile, offered
from certificates.models import KeyHolder, ServerCertificate
from certificates.services.revocation import refuse_unknown
from core import clock
from core.errors import Forbidden, Refused
from keys import services as vault
from keys.models import Key
from pki.errors import PkiError
from pki.facts import read_certificate
from pki.hosts import common_name, read_hosts
from pki.issuing import Template, Twin, new_serial, prepare, validity
from pki.profiles import KEY_TYPES, Naming, Profile
from pki.server_csr import read_server_csr

log = logging.getLogger(__name__)

_FIELDS = {
    "hosts-refused": "hosts",
    "name-refused": "organisation",
    "lifetime-refused": "shape",
    "issuer-usage": "authority",
    "issuer-expired": "authority",
    "issuer-not-yet-valid": "authority",
}


@dataclass(frozen=True, slots=True)
class ServerWish:
    """What an operator asks for. `names` are further attributes of the subject (C, ST, L, O, OU), in this order.

    Either `csr`, or the `key_type` of a key that is made here.
    """

    hosts: tuple[str, ...]
    profile: str
    lifetime_days: int
    names: tuple[tuple[str, str], ...] = ()
    key_type: str = ""
    csr: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Subject:
    """The public half that will be certified, and where it comes from."""

    public_key: bytes
    key_type: str
    csr: bytes | None = None
    key: Key | None = None


def create(actor: User, authority: Authority, wish: ServerWish, *, idempotency_key: str) -> ServerCertificate:
    """Make a certificate for a server. The same `idempotency_key` gives the same row, which is then perhaps still in
    the hands of whoever came first (G3). Runs outside of transactions."""
    if not actor.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator makes certificates for servers.")
    key = idempotency_key[:100]
    if found := _made_before(key):
        return _same(found, authority, wish)
    profile = _profile(wish)
    hosts = _hosts(wish, profile)
    _refuse_unusable(authority, wish.lifetime_days)
    try:
        with transaction.atomic(durable=True):  # what is refused, or whose maker dies, leaves no key behind
            plan = _Plan(profile, hosts, _subject(wish, profile), wish)
            row = _reserve(actor, authority, plan, idempotency_key=key)
    except IntegrityError:
        found = _made_before(key)  # another was faster, and the row is there
        if found is None:
            raise
        return _same(found, authority, wish)
    return finish(row)


def renew(row: ServerCertificate, *, actor: User, authority: Authority | None = None) -> ServerCertificate:
    """The same again: hosts, names and lifetime, by the newest version of the profile, with a new key where it was made
    here. Renewed twice, it is one successor, and another where that one was revoked."""
    wish = ServerWish(
        hosts=tuple(row.hosts),
        profile=row.profile,
        lifetime_days=row.lifetime_days,
        names=tuple((name, value) for name, value in row.names),
        key_type="" if row.csr is not None else row.key_type,
        csr=None if row.csr is None else bytes(row.csr),
    )
    return create(actor, authority or row.authority, wish, idempotency_key=_renewal_key(row))


def _renewal_key(row: ServerCertificate) -> str:
    key = f"renewal of {row.pk}"
    successors = ServerCertificate.objects.filter(Q(idempotency_key=key) | Q(idempotency_key__startswith=f"{key}, "))
    revoked = successors.filter(revoked_at__isnull=False).count()
    return f"{key}, {revoked + 1}" if revoked else key


def finish(row: ServerCertificate) -> ServerCertificate:
    """Sign what is reserved, and write the certificate down; what was signed before is only written down."""
    facts = read_certificate(register.sign(row.signing))
    profile = find_profile(row.profile, row.profile_version)
    with transaction.atomic():
        unfinished = ServerCertificate.objects.filter(pk=row.pk, der__isnull=True)
        written = unfinished.update(
            der=facts.der,
            sha256=facts.sha256,
            not_before=facts.not_before,
            not_after=facts.not_after,
            renew_from=facts.not_before + (facts.not_after - facts.not_before) * profile.renew_at / 100,
            key_until=clock.now() + timedelta(days=settings.KEY_DAYS) if row.key_id else None,
        )
        if written:
            record(SYSTEM, "server-certificate.issued", subject=row, serial=facts.serial, sha256=facts.sha256)
    row.refresh_from_db()
    return row


def finish_interrupted() -> int:
    """Finish what somebody began who did not live to end it; return how many. Nothing is signed that is not on record,
    and nothing anew."""
    _follow_revoked_serials()
    count = 0
    left = ServerCertificate.objects.unfinished().reserved_before(register.stale_since())
    for row in left.select_related("signing"):
        try:
            finish(row)
        except Exception:
            log.exception("%s could not be finished", row)
        else:
            count += 1
    return count


def _follow_revoked_serials() -> None:
    """What may exist can be revoked on its authority's page too, by its serial: it is never finished, and its key has
    no use."""
    left = ServerCertificate.objects.unfinished().filter(signing__revoked_at__isnull=False)
    for row in left.select_related("signing"):
        values = {"revoked_at": row.signing.revoked_at, "revocation_reason": row.signing.revocation_reason}
        with transaction.atomic():
            if not ServerCertificate.objects.unfinished().filter(pk=row.pk).update(**values):
                continue
            if row.key_id:
                vault.destroy_key(row.key_id)
            reason = row.signing.revocation_reason
            record(SYSTEM, "server-certificate.revoked", subject=row, serial=row.serial, reason=reason)


def revoke(row: ServerCertificate, *, actor: User, reason: str) -> ServerCertificate:
    """Revoke for one of the reasons of RFC 5280 section 5.3.1, by its serial where it may only exist yet. It cannot be
    taken back. A private key that is still sealed here is destroyed."""
    if not actor.is_operator:
        raise Forbidden("not-for-your-role", "Only an operator revokes the certificate of a server.")
    refuse_unknown(reason)
    with transaction.atomic():
        in_force = ServerCertificate.objects.filter(pk=row.pk, revoked_at__isnull=True)
        if not in_force.update(revoked_at=clock.now(), revocation_reason=reason, revoked_by=actor):
            raise Refused("already-revoked", "This certificate is revoked already.")
        register.revoke_signing(row.signing, actor=actor, reason=reason)
        if row.key_id:
            vault.destroy_key(row.key_id)
        record(actor, "server-certificate.revoked", subject=row, serial=row.serial, reason=reason)
    row.refresh_from_db()
    return row


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is decided before anything is written."""

    profile: Profile
    hosts: tuple[str, ...]
    subject: _Subject
    wish: ServerWish


def _reserve(actor: User, authority: Authority, plan: _Plan, *, idempotency_key: str) -> ServerCertificate:
    """The row and its reservation, in the caller's transaction: neither is ever there alone."""
    twin, subject = _twin(authority, plan), plan.subject
    if authority.key is None:
        raise Refused("authority-without-key", "The authority is not operated here. Nothing was signed.")
    vault.check_key(authority.key.pk)
    signing = register.note(issuer=authority, key=authority.key, twin=twin, profile=plan.profile, requester=actor.name)
    row = ServerCertificate.objects.create(
        idempotency_key=idempotency_key,
        authority=authority,
        profile=plan.profile.name,
        profile_version=plan.profile.version,
        hosts=list(plan.hosts),
        host_set=" ".join(sorted(plan.hosts)),
        names=[list(pair) for pair in plan.wish.names],
        lifetime_days=plan.wish.lifetime_days,
        public_key=subject.public_key,
        key_type=subject.key_type,
        spki_sha256=hashlib.sha256(subject.public_key).hexdigest(),
        csr=subject.csr,
        key=subject.key,
        serial=signing.serial,
        signing=signing,
        requested_by=actor,
    )
    details = {"hosts": row.hosts, "profile": f"{row.profile} version {row.profile_version}", "serial": row.serial}
    record(actor, "server-certificate.asked", subject=row, tbs_sha256=signing.tbs_sha256, **details)
    return row


def _twin(authority: Authority, plan: _Plan) -> Twin:
    try:
        start, end = validity(clock.now(), timedelta(days=plan.wish.lifetime_days), authority.not_after)
        return prepare(
            Template(
                profile=plan.profile,
                common_name=common_name(plan.hosts),
                names=plan.wish.names,
                hosts=plan.hosts,
                public_key_der=plan.subject.public_key,
                serial=new_serial(),
                not_before=start,
                not_after=end,
                issuer_der=bytes(authority.der),
            )
        )
    except PkiError as error:
        raise _refusal(error, plan.wish) from error


def _profile(wish: ServerWish) -> Profile:
    profile = next((each for each in offered(Naming.HOSTS) if each.name == wish.profile), None)
    if profile is None:
        raise Refused("profile-refused", f"No certificate is made by the profile {wish.profile}.", field="shape")
    if wish.lifetime_days not in profile.days:
        days = ", ".join(map(str, profile.days))
        message = f"{profile.name} offers {days} days, and not {wish.lifetime_days}."
        raise Refused("lifetime-refused", message, field="shape")
    return profile


def _hosts(wish: ServerWish, profile: Profile) -> tuple[str, ...]:
    try:
        return read_hosts(wish.hosts, wildcards=profile.wildcards, local=profile.local_names)
    except PkiError as error:
        raise _refusal(error, wish) from error


def _refuse_unusable(authority: Authority, days: int) -> None:
    now = clock.now()
    if not Authority.objects.usable_for_servers_at(now).filter(pk=authority.pk).exists():
        message = f"{authority.name} does not issue for servers now. Choose another authority."
        raise Refused("authority-unusable", message, field="authority")
    if now + timedelta(days=days) > authority.not_after:
        message = f"{authority.name} ends on {authority.not_after:%d %B %Y}, before the certificate would."
        raise Refused("outlives-issuer", f"{message} Choose a shorter lifetime or a newer authority.", field="shape")


def _subject(wish: ServerWish, profile: Profile) -> _Subject:
    subject = _from_csr(wish) if wish.csr is not None else None
    kind = subject.key_type if subject else wish.key_type
    if kind not in KEY_TYPES or kind not in profile.key_types:
        allowed = ", ".join(each for each in KEY_TYPES if each in profile.key_types)
        message = f"{profile.name} certifies keys of type {allowed}, and not {kind or 'none'}."
        raise Refused("key-type-refused", message, field="csr" if subject else "key_type")
    return subject or _from_vault(wish.key_type)


def _from_csr(wish: ServerWish) -> _Subject:
    try:
        read = read_server_csr(wish.csr or b"")
    except PkiError as error:
        raise Refused(error.code, error.message, field="csr") from error
    spki_sha256 = hashlib.sha256(read.public_key_der).hexdigest()
    if (
        KeyHolder.objects.filter(spki_sha256=spki_sha256).exists()
        or Authority.objects.filter(spki_sha256=spki_sha256).exists()
    ):
        message = "A gateway or an authority has this key. Make one on the server."
        raise Refused("key-in-use", message, field="csr")
    return _Subject(read.public_key_der, read.key_type, csr=read.csr_der)


def _from_vault(key_type: str) -> _Subject:
    key = vault.create_key(key_type, purpose="server")
    return _Subject(bytes(key.public_key), key.key_type, key=key)


def _refusal(error: PkiError, wish: ServerWish) -> Refused:
    field = "csr" if error.code.startswith("key") and wish.csr is not None else _FIELDS.get(error.code)
    return Refused(error.code, error.message, field=field)


def _made_before(key: str) -> ServerCertificate | None:
    related = ("authority", "signing", "key")
    return ServerCertificate.objects.select_related(*related).filter(idempotency_key=key).first()


def _same(found: ServerCertificate, authority: Authority, wish: ServerWish) -> ServerCertificate:
    """Refuse where the form was sent before with other values: nobody shall get what was not asked for."""
    profile = find_profile(found.profile, found.profile_version)
    asked = (authority.pk, list(_hosts(wish, profile)), [list(pair) for pair in wish.names], wish.profile)
    made = (found.authority_id, found.hosts, found.names, found.profile)
    if (*asked, wish.lifetime_days, _key_of(wish)) != (*made, found.lifetime_days, _key_of(found)):
        message = f"This form was sent before, for {found.host}. Open the form anew to ask for something else."
        raise Refused("asked-otherwise", message)
    return found


def _key_of(asked: ServerWish | ServerCertificate) -> str | bytes:
    """Where the key comes from: the CSR as DER, or what kind was made here."""
    if asked.csr is None:
        return asked.key_type
    return _from_csr(asked).csr or b"" if isinstance(asked, ServerWish) else bytes(asked.csr)
