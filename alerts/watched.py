"""Whose end matters: the subjects that notices are written about."""

from datetime import datetime

from django.db.models import Exists, F, OuterRef

from cas.models import Authority, AuthorityQuerySet
from certificates.models import Certificate, CertificateQuerySet, ServerCertificate
from certificates.server_models import ServerCertificateQuerySet
from trust.models import COMMON, Group
from trust.services.releases import published_release


def authorities() -> AuthorityQuerySet:
    """Every authority that an operator stands by, uploaded, operated or found in the store."""
    return Authority.objects.approved()


def certificates(now: datetime) -> CertificateQuerySet:
    """Certificates that are neither revoked nor followed by one that the network server accepts already.

    Those of a gateway that moved to another vendor are nobody's task any more.
    """
    held = Certificate.objects.filter(vendor=F("gateway__vendor"), revoked_at__isnull=True)
    return held.filter(~Exists(_successors(now)))


def servers(now: datetime) -> ServerCertificateQuerySet:
    """Certificates of our own servers that are not revoked, and that no other for the same hosts outlasts."""
    return ServerCertificate.objects.current(now)


def accepted_authorities(now: datetime) -> AuthorityQuerySet:
    """Authorities whose gateways get in at `now`: unexpired and in the release that network servers read.

    Before the first release that is every approved one: nothing tells them apart yet.
    """
    valid = Authority.objects.valid_at(now)
    group = Group.objects.filter(name=COMMON).first()
    release = published_release(group) if group else None
    return valid.filter(releases=release) if release else valid.approved()


def _successors(now: datetime) -> CertificateQuerySet:
    return Certificate.objects.in_force(now).filter(
        gateway=OuterRef("gateway"),
        vendor=OuterRef("vendor"),
        not_after__gt=OuterRef("not_after"),
        authority__in=accepted_authorities(now).values("pk"),
    )
