"""Whose end matters: the subjects that notices are written about."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, Subquery

from cas.models import Authority, AuthorityQuerySet
from certificates.models import Certificate, CertificateQuerySet
from trust.models import Release

COMMON = "common"  # the one trust group there is


def authorities() -> AuthorityQuerySet:
    """Every authority that an operator stands by, uploaded, operated or found in the store."""
    return Authority.objects.approved()


def certificates(now: datetime) -> CertificateQuerySet:
    """Certificates that are neither revoked nor followed by one that the network server accepts already."""
    return Certificate.objects.filter(~Exists(_successors(now)), revoked_at__isnull=True)


def accepted_authorities(now: datetime) -> AuthorityQuerySet:
    """Authorities whose gateways get in at `now`: unexpired and in the newest release (before the first: approved)."""
    newest = Release.objects.filter(group__name=COMMON).order_by("-number").values("pk")[:1]
    member = Release.authorities.through.objects.filter(authority_id=OuterRef("pk"), release_id=Subquery(newest))
    first_is_to_come = Q(state=Authority.State.APPROVED) & ~Exists(Release.objects.filter(group__name=COMMON))
    return Authority.objects.valid_at(now).filter(Exists(member) | first_is_to_come)


def _successors(now: datetime) -> CertificateQuerySet:
    return Certificate.objects.in_force(now).filter(
        gateway=OuterRef("gateway"),
        not_after__gt=OuterRef("not_after"),
        authority__in=accepted_authorities(now).values("pk"),
    )
