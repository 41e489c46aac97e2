"""Whose end matters: the subjects that notices are written about."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import BigIntegerField, Exists, F, Model, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

from accounts.models import ApiToken
from alerts.alert_models import Job
from alerts.kinds import Kind
from cas.models import Authority, AuthorityQuerySet, OcspSigner, RevocationList
from certificates.models import Certificate, CertificateQuerySet, ServerCertificate
from certificates.server_models import ServerCertificateQuerySet
from trust.models import COMMON, Group, Probe
from trust.services.releases import published_release

TOKENS_REMEMBERED = timedelta(days=30)  # after their end


NOBODY = Value(None, output_field=BigIntegerField())
NO_LABEL = Value("")


@dataclass(frozen=True, slots=True)
class Watch:
    """The subjects of one kind, and where their facts stand. `live` are those whose alert stays open; where it is
    not given, all of them."""

    kind: Kind
    model: type[Model]
    subjects: Callable[[datetime], "QuerySet[Any]"]
    name: Any
    label: Any = NO_LABEL
    vendor: Any = NOBODY
    authority: Any = NOBODY
    gateway: Any = NOBODY
    starts: str = "not_before"
    ends: str = "not_after"
    live: "Callable[[datetime], QuerySet[Any]] | None" = None

    def any_ended_by(self, instant: datetime) -> bool:
        """Whether anything of this kind, watched or not, ends by then: mostly there is nothing, and no more to ask."""
        return self.model._default_manager.filter(**{f"{self.ends}__lte": instant}).exists()

    def still(self, now: datetime) -> "QuerySet[Any]":
        return (self.live or self.subjects)(now)


def authorities() -> AuthorityQuerySet:
    """Every authority that an operator stands by, uploaded, operated or found in the store."""
    return Authority.objects.approved()


def mattering_authorities(now: datetime) -> AuthorityQuerySet:
    """Those that have not ended, and those that gateways still present certificates of."""
    return authorities().filter(Q(not_after__gt=now) | Q(current_gateways__isnull=False))


def certificates(now: datetime) -> CertificateQuerySet:
    """Certificates that are neither revoked nor followed by one that the network server accepts already.

    Those of a gateway that moved to another vendor, or is out of use, are nobody's task any more.
    """
    held = Certificate.objects.filter(
        vendor=F("gateway__vendor"), gateway__retired_at__isnull=True, revoked_at__isnull=True
    )
    return held.filter(~Exists(_successors(now)))


def servers(now: datetime) -> ServerCertificateQuerySet:
    """Certificates of our own servers that are not revoked, and that no other for the same hosts outlasts."""
    return ServerCertificate.objects.current(now)


def lists(now: datetime) -> "QuerySet[RevocationList]":
    """The newest list of each authority that has not ended: made anew long before its end, unless something fails."""
    return RevocationList.objects.newest_of_each().filter(authority__not_after__gt=now, authority__state="approved")


def signers(now: datetime) -> "QuerySet[OcspSigner]":
    """The signer of each authority that lasts longest."""
    beside = OcspSigner.objects.finished().filter(authority=OuterRef("authority")).order_by("-not_after", "-pk")
    last = OcspSigner.objects.finished().filter(pk=Subquery(beside.values("pk")[:1]))
    return last.filter(authority__not_after__gt=now, authority__state="approved")


def tokens(now: datetime) -> "QuerySet[ApiToken]":
    """Tokens of the API of people who may still come in."""
    remembered = ApiToken.objects.filter(expires_at__gt=now - TOKENS_REMEMBERED)
    return remembered.filter(revoked_at__isnull=True, owner__is_active=True)


def probes(_now: datetime) -> "QuerySet[Probe]":
    return Probe.objects.all()


def jobs(now: datetime) -> "QuerySet[Job]":
    """Jobs that have not succeeded in time."""
    return Job.objects.filter(late_at__lte=now)


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


WATCHED: Mapping[Kind, Watch] = {
    watch.kind: watch
    for watch in (
        Watch(
            Kind.AUTHORITY,
            Authority,
            lambda _now: authorities(),
            name=F("name"),
            vendor=F("vendor_id"),
            authority=F("pk"),
            live=mattering_authorities,
        ),
        Watch(
            Kind.CERTIFICATE,
            Certificate,
            certificates,
            name=F("gateway__eui"),
            label=F("gateway__name"),
            vendor=F("vendor_id"),
            authority=F("authority_id"),
            gateway=F("gateway_id"),
        ),
        Watch(Kind.SERVER, ServerCertificate, servers, name=KT("hosts__0"), authority=F("authority_id")),
        Watch(
            Kind.LIST,
            RevocationList,
            lists,
            F("authority__name"),
            authority=F("authority_id"),
            starts="this_update",
            ends="next_update",
        ),
        Watch(Kind.SIGNER, OcspSigner, signers, F("authority__name"), authority=F("authority_id")),
        Watch(
            Kind.TOKEN,
            ApiToken,
            tokens,
            name=F("name"),
            label=F("owner__name"),
            vendor=Coalesce(F("vendor_id"), F("owner__vendor_id")),
            starts="created_at",
            ends="expires_at",
        ),
        Watch(
            Kind.PROBE,
            Probe,
            probes,
            name=F("cluster__name"),
            label=F("certificate__gateway__eui"),
            authority=F("certificate__authority_id"),
            gateway=F("certificate__gateway_id"),
            starts="certificate__not_before",
            ends="certificate__not_after",
        ),
        Watch(Kind.JOB, Job, jobs, F("name"), starts="last_at", ends="late_at"),
    )
}
