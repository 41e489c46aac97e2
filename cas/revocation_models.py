"""How others learn what our authorities revoked: lists (CRL), and answers (OCSP)."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models

from core import clock
from core.leases import Leased, LeaseQuerySet
from keys.models import Key


class StatusServiceQuerySet(LeaseQuerySet["StatusService"]):
    pass


class StatusService(Leased):
    """What an operated authority tells the world of its certificates. Who holds its lease makes lists and signers.

    The two identifiers are what OCSP knows an issuer by: the hashes of its name and of its key, one behind the other,
    in lower-case hex.
    """

    authority = models.OneToOneField("cas.Authority", on_delete=models.PROTECT, related_name="status_service")
    sha1_id = models.CharField(max_length=80, unique=True)
    sha256_id = models.CharField(max_length=128, unique=True)
    revocations = models.PositiveBigIntegerField(default=0)  # counted where they are made

    objects = StatusServiceQuerySet.as_manager()

    def __str__(self) -> str:
        return f"status of {self.authority}"


class ListPageQuerySet(models.QuerySet["ListPage"]):
    def current(self, authority_id: int) -> Self:
        """Those that the next list consists of, in its order."""
        return self.filter(authority=authority_id, retired_at__isnull=True).order_by("pk")

    def with_ended(self, instant: datetime) -> Self:
        """Those on which a certificate stands that ended before `instant`."""
        return self.filter(earliest_end__lt=instant)

    def retired_before(self, instant: datetime) -> Self:
        return self.filter(retired_at__lt=instant)


class ListPage(models.Model):
    """Entries of a list, as DER, one behind the other. Written to at its end only: what an older list said of it
    stays true. Entries that leave make a new page."""

    authority = models.ForeignKey("cas.Authority", on_delete=models.PROTECT, related_name="list_pages")
    entries = models.BinaryField()
    size = models.PositiveIntegerField()  # octets
    count = models.PositiveIntegerField()
    earliest_end = models.DateTimeField()  # of the certificates on it
    retired_at = models.DateTimeField(null=True, blank=True)

    objects = ListPageQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["authority", "retired_at", "id"])]

    def __str__(self) -> str:
        return f"page {self.pk} of {self.count}"


class RevocationListQuerySet(models.QuerySet["RevocationList"]):
    def signed(self) -> Self:
        return self.filter(signature__isnull=False)

    def unsigned(self) -> Self:
        """Recorded, and whoever did it may not have lived to sign."""
        return self.filter(signature__isnull=True)

    def newest_first(self) -> Self:
        return self.order_by("-number")

    def newest_of_each(self) -> Self:
        """The last signed list of every authority."""
        beside = RevocationList.objects.signed().filter(authority=models.OuterRef("authority"))
        last = beside.newest_first().values("number")[:1]
        return self.signed().filter(number=models.Subquery(last)).order_by("authority")


class RevocationList(models.Model):
    """One list: committed with the digest of what will be signed before the key is used (G1). Numbers grow (G8)."""

    authority = models.ForeignKey("cas.Authority", on_delete=models.PROTECT, related_name="revocation_lists")
    key = models.ForeignKey(Key, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveBigIntegerField()
    this_update = models.DateTimeField()
    next_update = models.DateTimeField()
    entries = models.PositiveIntegerField()
    pages = models.JSONField(default=list)  # [[ListPage, octets of it], …]
    head = models.BinaryField()  # of the TBSCertList, before the entries
    tail = models.BinaryField()
    size = models.PositiveBigIntegerField()  # octets of the TBSCertList
    tbs_digest = models.CharField(max_length=128)  # by the hash of the signature's algorithm
    signature_algorithm = models.CharField(max_length=60)
    reserved_at = models.DateTimeField(default=clock.now)
    signed_at = models.DateTimeField(null=True, blank=True)
    signature = models.BinaryField(null=True)

    objects = RevocationListQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["authority", "number"], name="list_number_once_per_authority")]

    def __str__(self) -> str:
        return f"list {self.number} of {self.authority}"

    @property
    def half_life(self) -> datetime:
        """When the next one is due, if nothing is revoked before."""
        return self.this_update + (self.next_update - self.this_update) / 2

    @property
    def is_over(self) -> bool:
        return self.next_update <= clock.now()

    @property
    def time_left(self) -> timedelta:
        return self.next_update - clock.now()


class OcspSignerQuerySet(models.QuerySet["OcspSigner"]):
    def finished(self) -> Self:
        return self.filter(der__isnull=False)

    def unfinished(self) -> Self:
        """Whoever began them may not have lived to finish."""
        return self.filter(der__isnull=True)

    def usable_at(self, instant: datetime) -> Self:
        """The one that lasts longest comes first."""
        return self.finished().filter(not_after__gt=instant).order_by("-not_after")

    def over_at(self, instant: datetime) -> Self:
        """Those whose keys nobody needs any more."""
        return self.filter(not_after__lte=instant, key__destroyed_at__isnull=True)


class OcspSigner(models.Model):
    """Who signs the answers about an authority's certificates, for two weeks: a key, and the certificate for it."""

    authority = models.ForeignKey("cas.Authority", on_delete=models.PROTECT, related_name="ocsp_signers")
    key = models.OneToOneField(Key, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=64, unique=True)  # the common name
    der = models.BinaryField(null=True)
    not_before = models.DateTimeField(null=True, blank=True)
    not_after = models.DateTimeField(null=True, blank=True)
    responses = models.PositiveBigIntegerField(default=0)  # signed; counted in the transaction that uses the key
    made_at = models.DateTimeField(default=clock.now)

    objects = OcspSignerQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["authority", "not_after"])]

    def __str__(self) -> str:
        return self.name

    @property
    def half_life(self) -> datetime | None:
        """When its successor is due."""
        if self.not_before is None or self.not_after is None:
            return None
        return self.not_before + (self.not_after - self.not_before) / 2


class OcspAnswerQuerySet(models.QuerySet["OcspAnswer"]):
    def over_at(self, instant: datetime) -> Self:
        return self.filter(next_update__lte=instant)


class OcspAnswer(models.Model):
    """A signed answer for one certificate, without a nonce: given out until half of its life, or a revocation."""

    cert_id_sha256 = models.BinaryField(primary_key=True, max_length=32)  # of the CertID as it was asked for
    signing = models.ForeignKey("cas.Signing", on_delete=models.CASCADE, related_name="+")
    is_revoked = models.BooleanField()  # what it says
    der = models.BinaryField()
    produced_at = models.DateTimeField()
    next_update = models.DateTimeField(db_index=True)

    objects = OcspAnswerQuerySet.as_manager()

    def __str__(self) -> str:
        return f"answer about {self.signing}"
