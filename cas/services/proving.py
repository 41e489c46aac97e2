"""Proof of possession: a code is made for an authority, and comes back as the name of a certificate that it signed."""

from datetime import timedelta

from django.db import IntegrityError, transaction

from accounts.models import User
from audit.services import record
from cas.models import Authority, Proof, ProofCode
from cas.services.evidence import require_hands_on
from cas.services.findings import as_rows
from core import clock
from core.errors import Refused
from pki.errors import PkiError
from pki.facts import CertificateFacts, read_certificate
from pki.findings import Finding
from pki.proof import check_proof, code_of, new_code
from pki.single import read_single

VALID = timedelta(days=7)
FIELD = "pasted"


def make_code(actor: User, authority: Authority) -> ProofCode:
    """Return the code that is good now, else a new one for this certificate of this vendor."""
    require_hands_on(authority, actor)
    _refuse_proven(authority)
    try:
        with transaction.atomic():
            return _standing(authority) or _made(actor, authority)
    except IntegrityError:  # the same click twice, at once
        return authority.proof_codes.standing().get()


def prove(actor: User, authority: Authority, content: bytes) -> Proof:
    """Keep the certificate in `content` as the proof, if this authority's key signed one of its own open codes.

    Raises Refused with what is wrong and what to do about it.
    """
    require_hands_on(authority, actor)
    facts = read_certificate(bytes(authority.der))
    try:
        leaf = read_single(content, beside=facts.sha256)
        _refuse_replayed(leaf)
        code = _code(code_of(leaf), authority, facts)
        findings = check_proof(leaf, facts, at=clock.now())
    except PkiError as error:
        raise _refused(error.code, _with_the_code(error, authority)) from error
    _refuse_proven(authority)
    try:
        with transaction.atomic():
            return _keep(actor, code, leaf, findings)
    except IntegrityError:
        raise _replayed() from None


def _standing(authority: Authority) -> ProofCode | None:
    return authority.proof_codes.open_at(clock.now()).first()


def _made(actor: User, authority: Authority) -> ProofCode:
    now, vendor = clock.now(), authority.vendor
    if vendor is None:
        raise Refused("no-vendor", "This authority belongs to no vendor, so nobody can prove that it holds the key.")
    authority.proof_codes.standing().update(replaced_at=now)
    code = ProofCode.objects.create(
        code=new_code(),
        authority=authority,
        authority_sha256=authority.sha256,
        vendor=vendor,
        made_by=actor,
        made_at=now,
        expires_at=now + VALID,
    )
    until = f"{code.expires_at:%Y-%m-%d %H:%M} UTC"
    record(actor, "authority.code-made", subject=authority, vendor_id=vendor.pk, until=until)
    return code


def _code(text: str, authority: Authority, facts: CertificateFacts) -> ProofCode:
    """The row of the code, if it may be used for exactly this certificate now."""
    code = ProofCode.objects.select_related("authority").filter(code=text).first()
    if code is None:
        raise PkiError("not-a-code", "Its common name looks like a code, but was not made here.")
    if code.vendor_id != authority.vendor_id:
        raise _refused("code-of-another-vendor", "This code was made for another vendor. Sign the code of this page.")
    if code.authority_id != authority.pk or code.authority_sha256 != facts.sha256:
        message = f"This code was made for {code.authority.name}. Sign the code of this page, or hand it in there."
        raise _refused("code-of-another-authority", message)
    if code.used_at is not None:
        raise _refused("code-used", f"This code was used on {code.used_at:%d %B %Y}, and a code counts once.")
    if code.replaced_at is not None or code.is_over:
        message = f"This code was good until {code.expires_at:%d %B %Y, %H:%M} UTC. Get a new one, and sign that."
        raise _refused("code-expired", message)
    return code


def _with_the_code(error: PkiError, authority: Authority) -> str:
    """A refusal about the name says which name is needed."""
    if error.code not in {"not-a-code", "cn-missing", "cn-several"}:
        return error.message
    code = _standing(authority)
    return f"{error.message} {f'Use exactly CN={code.code}.' if code else 'Get a code first, and sign that.'}"


def _keep(actor: User, code: ProofCode, leaf: CertificateFacts, findings: tuple[Finding, ...]) -> Proof:
    now = clock.now()
    if not ProofCode.objects.open_at(now).filter(pk=code.pk).update(used_at=now):
        raise _replayed()
    proof = Proof.objects.create(
        authority=code.authority,
        code=code,
        sha256=leaf.sha256,
        der=leaf.der,
        findings=as_rows(findings),
        proven_at=now,
        proven_by=actor,
    )
    details = {"sha256": code.authority_sha256, "evidence_sha256": leaf.sha256}
    record(actor, "authority.proven", subject=code.authority, vendor_id=code.vendor_id, **details)
    return proof


def _refuse_replayed(leaf: CertificateFacts) -> None:
    if Proof.objects.filter(sha256=leaf.sha256).exists():
        raise _replayed()


def _refuse_proven(authority: Authority) -> None:
    if Proof.objects.filter(authority=authority).exists():
        raise _refused("already-proven", "Possession of this key is proven already. Nothing more is needed.")


def _replayed() -> Refused:
    return _refused("replayed", "This very certificate was handed in before. It counts once, and nothing was changed.")


def _refused(code: str, message: str) -> Refused:
    return Refused(code, message, field=FIELD)
