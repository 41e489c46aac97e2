"""Authorities come in: first what was understood, then all of it or nothing."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.db import IntegrityError, transaction

from accounts.models import User, Vendor
from audit.services import record
from cas.models import Authority
from cas.services.findings import as_rows
from cas.services.linking import link
from cas.services.notifying import tell_operators
from cas.services.trying import keep_leaf, refuse_others_gateway
from core import clock
from core.errors import Forbidden, Refused
from core.logs import one_line
from pki.facts import CertificateFacts, is_signed_by, read_certificate
from pki.inspection import InspectedCertificate, Inspection, inspect
from pki.intake import UploadedFile
from pki.kinship import Known


@dataclass(frozen=True, slots=True)
class HandIn:
    """What became of an upload: new authorities, how many were on record already, and how many test leaves were
    added."""

    authorities: tuple[Authority, ...]
    known: int
    leaves: int


def inspect_upload(user: User, files: Sequence[UploadedFile]) -> Inspection:
    """Say what `files` are, beside what is on record and `user` may know of. Nothing is kept."""
    visible = Authority.objects.visible_to(user).only("name", "subject", "spki_sha256")
    return inspect(files, now=clock.now(), known=known_to(visible))


def hand_in(actor: User, vendor: Vendor, files: Sequence[UploadedFile]) -> HandIn:
    """Inspect again, then keep every new authority of the upload with its test leaves, or nothing at all."""
    if actor.is_vendor and actor.vendor_id != vendor.pk:
        raise Forbidden("not-your-vendor", "You can hand in for your own company only.")
    inspection = inspect_upload(actor, files)
    if not inspection.accepted:
        raise Refused("refused-upload", "Something in this upload is refused, so nothing of it was handed in.")
    for trial in inspection.trials:
        refuse_others_gateway(trial.leaf, vendor)
    with transaction.atomic():
        added = [(_added(each, actor, vendor), each.facts) for each in inspection.authorities]
        new = [(authority, facts) for authority, facts in added if authority is not None]
        for authority, facts in new:
            link(authority, facts)
            record(actor, "authority.handed-in", subject=authority, vendor_id=vendor.pk, sha256=authority.sha256)
        leaves = _keep_leaves(inspection, actor, vendor)
        authorities = tuple(authority for authority, _ in new)
        if authorities:
            tell_operators(authorities, vendor=vendor, submitter=actor)
    return HandIn(authorities, known=len(added) - len(new), leaves=leaves)


def known_to(visible: "Iterable[Authority]") -> Known:
    """What is on record. Of others' authorities only that they exist, and, for shared primes, their moduli."""
    names, keys = {}, defaultdict(set)
    for each in visible:
        names[each.spki_sha256] = each.name
        keys[each.subject].add(each.spki_sha256)
    everybody = Authority.objects.all()
    return Known(
        sha256s=frozenset(everybody.values_list("sha256", flat=True)),
        names_by_key=names,
        keys_by_subject={subject: frozenset(hashes) for subject, hashes in keys.items()},
        rsa_moduli=[_modulus(bytes(der)) for der in everybody.with_rsa_keys().values_list("der", flat=True)],
    )


@lru_cache(maxsize=4096)
def _modulus(der: bytes) -> int:
    return read_certificate(der).rsa_modulus or 1


def _added(certificate: InspectedCertificate, actor: User, vendor: Vendor) -> Authority | None:
    """None where it is on record: because it was before, or because the same form was sent twice at once."""
    authority = Authority.from_facts(
        certificate.facts,
        origin=Authority.Origin.UPLOADED,
        vendor=vendor,
        findings=as_rows(certificate.findings),
        submitted_by=actor,
        submitted_at=clock.now(),
    )
    try:
        with transaction.atomic():
            authority.save()
    except IntegrityError:
        return None
    return authority


def _keep_leaves(inspection: Inspection, actor: User, vendor: Vendor) -> int:
    """Keep each test leaf with the authority of this vendor that signed it; return how many were new."""
    kept = 0
    for trial in inspection.trials:
        authority = _signer(trial.leaf, vendor)
        if authority is not None:
            _, is_new = keep_leaf(actor, authority, trial.leaf)
            kept += is_new
    return kept


def _signer(leaf: CertificateFacts, vendor: Vendor) -> Authority | None:
    candidates = Authority.objects.filter(vendor=vendor, subject=one_line(leaf.issuer)).order_by("-pk")
    return next((each for each in candidates if is_signed_by(leaf, read_certificate(bytes(each.der)))), None)
