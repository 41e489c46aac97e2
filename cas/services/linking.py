"""Which authority signed which: proved by the signature, not by names alone."""

from django.db.models import Q

from cas.models import Authority
from pki.facts import CertificateFacts, is_signed_by, read_certificate


def link(authority: Authority, facts: CertificateFacts) -> None:
    """Put `authority` below the one that signed it, and above those that it signed, as far as they are known.

    Chains stay inside one vendor and what belongs to no vendor: nobody learns whose certificate is known already.
    """
    if not authority.is_root:
        authority.parent = _signer(authority, facts)
        authority.save(update_fields=["parent"])
    for orphan in _orphans(authority):
        if _made(facts, _facts_of(orphan)):
            orphan.parent = authority
            orphan.save(update_fields=["parent"])


def _signer(authority: Authority, facts: CertificateFacts) -> Authority | None:
    candidates = Authority.objects.beside(authority.vendor).exclude(pk=authority.pk).filter(subject=authority.issuer)
    latest_first = candidates.order_by("-not_after", "pk")
    return next((each for each in latest_first if _made(_facts_of(each), facts)), None)


def _orphans(authority: Authority) -> list[Authority]:
    of_same_house = Q(vendor=authority.vendor) if authority.vendor_id else Q()
    orphans = Authority.objects.filter(of_same_house, parent__isnull=True, is_root=False, issuer=authority.subject)
    return list(orphans.exclude(pk=authority.pk))


def _made(issuer: CertificateFacts, facts: CertificateFacts) -> bool:
    return facts.issuer_der == issuer.subject_der and is_signed_by(facts, issuer)


def _facts_of(authority: Authority) -> CertificateFacts:
    return read_certificate(bytes(authority.der))
