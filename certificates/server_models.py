"""Certificates of the fleet's own servers: The Things Stack, CUPS, a proxy. Each row is a wish and its result."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Exists, OuterRef, Q

from accounts.models import User
from cas.models import Authority, Signing
from core import clock
from keys.models import Key


class ServerStanding(models.TextChoices):
    """How a server's certificate stands; derived, never stored."""

    VALID = "valid", "Valid"
    DUE = "due", "Renewal is due"
    SUPERSEDED = "superseded", "Superseded"
    EXPIRED = "expired", "Expired"
    REVOKED = "revoked", "Revoked"
    UNFINISHED = "unfinished", "Being signed"


class ServerCertificateQuerySet(models.QuerySet["ServerCertificate"]):
    def visible_to(self, user: User) -> Self:
        """A vendor sees none: servers are the network's own."""
        return self if user.sees_all else self.none()

    def unfinished(self) -> Self:
        """Reserved, and nobody wrote the certificate down yet."""
        return self.filter(sha256__isnull=True, revoked_at__isnull=True)

    def made(self) -> Self:
        return self.filter(sha256__isnull=False)

    def reserved_before(self, instant: datetime) -> Self:
        return self.filter(signing__reserved_at__lte=instant)

    def in_force(self, instant: datetime) -> Self:
        return self.filter(revoked_at__isnull=True, not_before__lte=instant, not_after__gt=instant)

    def with_successor(self, at: datetime) -> Self:
        """Says of each, as `is_superseded`, whether another for the same hosts is in force at `at` and lasts longer."""
        later = ServerCertificate.objects.in_force(at).filter(
            host_set=OuterRef("host_set"), not_after__gt=OuterRef("not_after")
        )
        return self.annotate(is_superseded=Exists(later))

    def current(self, at: datetime) -> Self:
        """Made, not revoked, and none of the same hosts lasts longer; it may be over."""
        alive = self.made().filter(revoked_at__isnull=True)
        return alive.with_successor(at).filter(is_superseded=False)

    def standing(self, standing: str, at: datetime) -> Self:
        """Those that stand like this at `at`."""
        in_force = self.made().filter(revoked_at__isnull=True, not_after__gt=at).with_successor(at)
        return {
            ServerStanding.VALID: in_force.filter(is_superseded=False, renew_from__gt=at),
            ServerStanding.DUE: in_force.filter(is_superseded=False, renew_from__lte=at),
            ServerStanding.SUPERSEDED: in_force.filter(is_superseded=True),
            ServerStanding.EXPIRED: self.filter(revoked_at__isnull=True, not_after__lte=at),
            ServerStanding.REVOKED: self.filter(revoked_at__isnull=False),
            ServerStanding.UNFINISHED: self.unfinished(),
        }[ServerStanding(standing)]

    def naming(self, text: str) -> Self:
        """By a part of a host, or by the serial number in any grouping."""
        words = text.strip().lower()
        return self.filter(Q(host_set__contains=words) | Q(serial=words.replace(":", "").lstrip("0")))

    def with_key_to_destroy(self, at: datetime) -> Self:
        """Those whose sealed key was handed over, waited too long, or has no use any more."""
        is_over = Q(key_confirmed_at__isnull=False) | Q(key_until__lte=at) | Q(revoked_at__isnull=False)
        return self.filter(is_over, key__isnull=False, key__destroyed_at__isnull=True)

    def listed(self, at: datetime) -> Self:
        """Without what lists never show."""
        return self.with_successor(at).select_related("authority").defer("der", "public_key", "csr", "authority__der")


class ServerCertificate(models.Model):
    """One certificate of a server. Its signature is reserved in the transaction that makes the row (G1)."""

    idempotency_key = models.CharField(max_length=100, unique=True)
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="server_certificates")
    profile = models.CharField(max_length=40)
    profile_version = models.PositiveIntegerField()
    hosts = models.JSONField()  # as the certificate has them
    host_set = models.TextField()  # the same in order, with blanks between: what is searched, and compared
    names = models.JSONField(default=list)  # [["O", "Fjordnet"], …]
    lifetime_days = models.PositiveIntegerField()
    public_key = models.BinaryField()  # SubjectPublicKeyInfo, DER
    key_type = models.CharField(max_length=60)
    spki_sha256 = models.CharField(max_length=64, db_index=True)
    csr = models.BinaryField(null=True)  # DER; null where the key was made here
    serial = models.CharField(max_length=64)
    signing = models.OneToOneField(Signing, on_delete=models.PROTECT, related_name="server_certificate")
    requested_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(default=clock.now)
    # null until it is signed
    der = models.BinaryField(null=True)
    sha256 = models.CharField(max_length=64, unique=True, null=True)  # noqa: DJ001  several wait, none has one
    not_before = models.DateTimeField(null=True)
    not_after = models.DateTimeField(null=True, db_index=True)
    renew_from = models.DateTimeField(null=True)  # by its profile's share of a life
    revoked_at = models.DateTimeField(null=True, blank=True)
    revocation_reason = models.CharField(max_length=30, blank=True, choices=Signing.Reason)
    revoked_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    # a key made here stays sealed until receipt is confirmed or the time is over
    key = models.ForeignKey(Key, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    key_until = models.DateTimeField(null=True, blank=True)
    key_confirmed_at = models.DateTimeField(null=True, blank=True)

    objects = ServerCertificateQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "server certificate"
        constraints = [
            models.UniqueConstraint(fields=["authority", "serial"], name="server_serial_once_per_authority"),
            models.CheckConstraint(
                name="server_has_a_csr_or_a_key",
                condition=Q(csr__isnull=False, key__isnull=True) | Q(csr__isnull=True, key__isnull=False),
            ),
            models.CheckConstraint(
                name="server_certificate_is_whole_or_not_there",
                condition=Q(
                    der__isnull=False, sha256__isnull=False, not_before__isnull=False, not_after__isnull=False,
                    renew_from__isnull=False,
                )
                | Q(
                    der__isnull=True, sha256__isnull=True, not_before__isnull=True, not_after__isnull=True,
                    renew_from__isnull=True,
                ),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"Certificate {self.pk} of {self.host}"

    @property
    def host(self) -> str:
        """The host that people know it by: the first."""
        return str(self.hosts[0])

    @property
    def other_hosts(self) -> list[str]:
        return [str(host) for host in self.hosts[1:]]

    @property
    def standing(self) -> ServerStanding:
        """Needs a row out of `listed` or `with_successor`."""
        now = clock.now()
        if self.revoked_at is not None:
            return ServerStanding.REVOKED
        if self.not_after is None or self.renew_from is None:
            return ServerStanding.UNFINISHED
        if self.not_after <= now:
            return ServerStanding.EXPIRED
        if getattr(self, "is_superseded", False):
            return ServerStanding.SUPERSEDED
        return ServerStanding.DUE if self.renew_from <= now else ServerStanding.VALID

    @property
    def has_sealed_key(self) -> bool:
        """Its private key, made here, can still be handed over."""
        return (
            self.key is not None
            and self.key.destroyed_at is None
            and self.key_confirmed_at is None
            and self.revoked_at is None
            and self.sha256 is not None
            and self.key_until is not None
            and self.key_until > clock.now()
        )
