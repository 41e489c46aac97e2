"""Requests and the certificates that they become."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce

from accounts.models import User, Vendor
from cas.models import Authority, Signing
from certificates.batch_models import Batch, Chunk, Line
from certificates.server_models import ServerCertificate, ServerStanding
from core import clock
from core.leases import Leased, LeaseQuerySet
from gateways.models import SOON, Gateway
from keys.models import Key
from pki.profiles import GATEWAY_CLIENT

__all__ = [
    "MAX_ATTEMPTS", "Approval", "Batch", "Certificate", "Chunk", "IssuingPolicy", "KeyHolder", "Line", "ProfileRule",
    "Request", "ServerCertificate", "ServerStanding", "Standing",
]  # fmt: skip

MAX_ATTEMPTS = 3  # after that, a request is set aside, and the others flow


class Approval(models.TextChoices):
    """What becomes of a vendor's requests for certificates of a profile."""

    OPERATOR = "operator", "Wait for an operator"
    AUTOMATIC = "automatic", "Approved as they come"
    NONE = "none", "Not offered"


class IssuingPolicy(models.Model):
    """What an operator decided for a vendor: which authority issues for it, and whether its requests wait."""

    vendor = models.OneToOneField(Vendor, on_delete=models.CASCADE, related_name="issuing_policy")
    authority = models.ForeignKey(Authority, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    renews = models.BooleanField(default=False)  # by itself, when its profile says so

    def __str__(self) -> str:
        return f"{self.vendor}: {self.authority}"

    def approval_of(self, profile: str) -> Approval:
        """By the rule for this profile; without one, the usual profile waits, and others are not offered."""
        rules = {} if self.pk is None else {rule.profile: rule.approval for rule in self.rules.all()}
        usual = Approval.OPERATOR if profile == GATEWAY_CLIENT.name else Approval.NONE
        return Approval(rules.get(profile, usual))

    @property
    def approvals(self) -> "list[ProfileRule]":
        """One for each profile that the vendor may ask for."""
        rules = [] if self.pk is None else list(self.rules.all())
        if GATEWAY_CLIENT.name not in {rule.profile for rule in rules}:
            rules.insert(0, ProfileRule(profile=GATEWAY_CLIENT.name, approval=Approval.OPERATOR))
        return [rule for rule in rules if rule.approval != Approval.NONE]


class ProfileRule(models.Model):
    """Whether a vendor may ask for certificates of a profile, and whether its requests wait."""

    policy = models.ForeignKey(IssuingPolicy, on_delete=models.CASCADE, related_name="rules")
    profile = models.CharField(max_length=40)
    approval = models.CharField(max_length=10, choices=Approval)

    class Meta:
        ordering = ["profile"]
        constraints = [models.UniqueConstraint(fields=["policy", "profile"], name="profile_rule_once")]

    def __str__(self) -> str:
        return f"{self.profile}: {self.get_approval_display()}"


class RequestQuerySet(LeaseQuerySet["Request"]):
    def visible_to(self, user: User) -> Self:
        return self if user.sees_all else self.filter(vendor_id=user.vendor_id)

    def waiting(self) -> Self:
        return self.filter(state=Request.State.REQUESTED)

    def open(self) -> Self:
        """Neither decided against nor ended."""
        return self.filter(state__in=[Request.State.REQUESTED, Request.State.APPROVED, Request.State.RESERVED])

    def undecided_or_made(self) -> Self:
        """Of which a certificate may come, or may exist."""
        return self.exclude(state__in=[Request.State.REFUSED, Request.State.FAILED])

    def unfinished(self) -> Self:
        return self.filter(state__in=[Request.State.APPROVED, Request.State.RESERVED])

    def left_behind(self) -> Self:
        """Those of former owners: the gateway belongs to another vendor by now."""
        return self.exclude(vendor_id=F("gateway__vendor_id"))

    def with_key_to_destroy(self, given_up: datetime) -> Self:
        """Those that came to nothing and whose key nobody can use: decided before `given_up`, or left behind."""
        ended = self.filter(state__in=[Request.State.REFUSED, Request.State.FAILED, Request.State.MAY_EXIST])
        sealed = ended.filter(key__isnull=False, key__destroyed_at__isnull=True)
        return sealed.filter(Q(decided_at__lte=given_up) | ~Q(vendor_id=F("gateway__vendor_id")))

    def single(self) -> Self:
        """Those that are worked on one by one: not those that a chunk of a batch still has in hand."""
        return self.exclude(chunk__in=Chunk.objects.filter(state=Chunk.State.RESERVED))

    def due(self) -> Self:
        """Those that nobody holds and that need not wait any more, due longest first: since the last try, or since
        the decision where none was made."""
        return self.unheld().order_by(Coalesce("lease_until", "decided_at"), "pk")

    def listed(self) -> Self:
        """With what a row of a list shows, and no more."""
        return self.select_related("gateway", "vendor", "authority", "requested_by").only(
            "state",
            "key_type",
            "lifetime_days",
            "requested_at",
            "requested_by__name",
            "gateway__eui",
            "vendor__name",
            "authority__name",
        )


class Request(Leased):
    """The wish for a certificate. One request gives one certificate (G3)."""

    class State(models.TextChoices):
        REQUESTED = "requested", "Waits for approval"
        APPROVED = "approved", "Approved"
        RESERVED = "reserved", "Being signed"
        ISSUED = "issued", "Issued"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"
        MAY_EXIST = "may-exist", "May exist"

    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="requests")
    vendor = models.ForeignKey(Vendor, on_delete=models.PROTECT, related_name="requests", db_index=False)
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="requests", db_index=False)
    idempotency_key = models.CharField(max_length=100)
    profile = models.CharField(max_length=40)
    profile_version = models.PositiveIntegerField()
    lifetime_days = models.PositiveIntegerField()
    public_key = models.BinaryField()  # SubjectPublicKeyInfo, DER
    key_type = models.CharField(max_length=60)
    csr = models.BinaryField(null=True)  # DER; null where the key was made here
    key = models.ForeignKey(Key, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    content_sha256 = models.CharField(max_length=64)  # what an approval is bound to
    state = models.CharField(max_length=10, choices=State, default=State.REQUESTED)
    requested_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    requested_at = models.DateTimeField(default=clock.now)
    decided_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.TextField(blank=True)
    single_handed = models.BooleanField(default=False)
    # the plan of the certificate, made once: whoever goes on with interrupted work makes the same bytes again
    serial = models.CharField(max_length=40, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    not_after = models.DateTimeField(null=True, blank=True)
    signing = models.OneToOneField(Signing, null=True, blank=True, on_delete=models.PROTECT, related_name="request")
    failure = models.CharField(max_length=500, blank=True)  # why it failed, or what it waits for
    chunk = models.ForeignKey(Chunk, null=True, blank=True, on_delete=models.PROTECT, related_name="requests")

    objects = RequestQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "id"]), models.Index(fields=["vendor", "state", "id"])]
        constraints = [
            models.CheckConstraint(
                name="request_has_a_csr_or_a_key",
                condition=models.Q(csr__isnull=False, key__isnull=True) | models.Q(csr__isnull=True, key__isnull=False),
            ),
            models.UniqueConstraint(fields=["idempotency_key"], name="request_once"),
        ]

    def __str__(self) -> str:
        return f"Request {self.pk} for {self.gateway.eui}"

    @property
    def has_moved(self) -> bool:
        """The gateway belongs to another vendor by now, whose name for it is none of this one's business."""
        return self.gateway.vendor_id != self.vendor_id

    @property
    def gateway_name(self) -> str:
        return "" if self.has_moved else self.gateway.name

    @property
    def is_settled(self) -> bool:
        """Nothing more happens to it by itself."""
        return self.state not in (self.State.APPROVED, self.State.RESERVED)


class Standing(models.TextChoices):
    """How a certificate stands; derived, never stored."""

    VALID = "valid", "Valid"
    SOON = "soon", "Ends soon"
    SUPERSEDED = "superseded", "Superseded"
    EXPIRED = "expired", "Expired"
    REVOKED = "revoked", "Revoked"

    @property
    def tone(self) -> str:
        """The state word of our stylesheet."""
        return {"valid": "good", "soon": "warn", "expired": "bad", "revoked": "bad"}.get(self.value, "idle")


def standing_of(not_after: datetime, revoked_at: datetime | None, now: datetime, *, is_superseded: bool) -> Standing:
    """How a certificate stands that ends like this."""
    if revoked_at is not None:
        return Standing.REVOKED
    if not_after <= now:
        return Standing.EXPIRED
    if is_superseded:
        return Standing.SUPERSEDED
    return Standing.SOON if not_after <= now + SOON else Standing.VALID


class CertificateQuerySet(models.QuerySet["Certificate"]):
    def visible_to(self, user: User) -> Self:
        return self if user.sees_all else self.filter(vendor_id=user.vendor_id)

    def in_force(self, instant: datetime) -> Self:
        return self.filter(revoked_at__isnull=True, not_before__lte=instant, not_after__gt=instant)

    def with_successor(self, at: datetime) -> Self:
        """Says of each, as `is_superseded`, whether its vendor has another for the gateway that is in force at `at`
        and lasts longer."""
        later = Certificate.objects.in_force(at).filter(
            gateway_id=OuterRef("gateway_id"), vendor_id=OuterRef("vendor_id"), not_after__gt=OuterRef("not_after")
        )
        return self.annotate(is_superseded=Exists(later))

    def current(self, at: datetime) -> Self:
        """Neither over nor revoked, and none of the same gateway and vendor lasts longer."""
        return self.filter(not_after__gt=at).not_followed(at)

    def not_followed(self, at: datetime) -> Self:
        """Not revoked, over or not, and none of the same gateway and vendor that is in force lasts longer."""
        return self.filter(revoked_at__isnull=True).with_successor(at).filter(is_superseded=False)

    def standing(self, standing: str, at: datetime) -> Self:
        """Those that stand like this at `at`."""
        in_force = self.filter(revoked_at__isnull=True, not_after__gt=at).with_successor(at)
        return {
            Standing.VALID: in_force.filter(is_superseded=False, not_after__gt=at + SOON),
            Standing.SOON: in_force.filter(is_superseded=False, not_after__lte=at + SOON),
            Standing.SUPERSEDED: in_force.filter(is_superseded=True),
            Standing.EXPIRED: self.filter(revoked_at__isnull=True, not_after__lte=at),
            Standing.REVOKED: self.filter(revoked_at__isnull=False),
        }[Standing(standing)]

    def left_behind(self) -> Self:
        """Those of former owners: the gateway belongs to another vendor by now."""
        return self.exclude(vendor_id=F("gateway__vendor_id"))

    def with_key(self) -> Self:
        """Those whose private key is sealed here."""
        return self.filter(key__isnull=False, key__destroyed_at__isnull=True)

    def with_key_to_destroy(self, at: datetime) -> Self:
        """Those whose sealed key was handed over, waited too long, or has no use any more."""
        is_over = Q(key_confirmed_at__isnull=False) | Q(key_until__lte=at) | Q(revoked_at__isnull=False)
        return self.with_key().filter(is_over | ~Q(vendor_id=F("gateway__vendor_id")))

    def listed(self, at: datetime) -> Self:
        """With what a row of a list shows, and no more."""
        return (
            self.with_successor(at)
            .select_related("gateway", "vendor", "authority")
            .only(
                "origin",
                "serial",
                "not_before",
                "not_after",
                "revoked_at",
                "gateway__eui",
                "gateway__name",
                "gateway__vendor_id",
                "vendor__name",
                "authority__name",
            )
        )


class Certificate(models.Model):
    """A gateway's client certificate: issued here, or recorded because the vendor's own CA issued it."""

    class Origin(models.TextChoices):
        ISSUED = "issued", "Issued here"
        RECORDED = "recorded", "Recorded"

    request = models.OneToOneField(Request, null=True, blank=True, on_delete=models.PROTECT, related_name="certificate")
    # no index where one of several columns begins like this, or where nobody asks: every certificate pays for each
    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="certificates", db_index=False)
    vendor = models.ForeignKey(Vendor, on_delete=models.PROTECT, related_name="certificates", db_index=False)
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="certificates", db_index=False)
    origin = models.CharField(max_length=10, choices=Origin)
    sha256 = models.CharField(max_length=64)
    der = models.BinaryField()
    serial = models.CharField(max_length=64)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    key_type = models.CharField(max_length=60)
    spki_sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=clock.now)
    handed_over_at = models.DateTimeField(null=True, blank=True)  # with its gateway, by another vendor
    revoked_at = models.DateTimeField(null=True, blank=True)
    revocation_reason = models.CharField(max_length=30, blank=True, choices=Signing.Reason)
    revoked_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    # a key made here stays sealed until its holder confirms receipt or the time is over
    key = models.ForeignKey(Key, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    key_until = models.DateTimeField(null=True, blank=True)
    key_confirmed_at = models.DateTimeField(null=True, blank=True)

    objects = CertificateQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["authority", "serial"], name="certificate_serial_once_per_authority"),
            # by its beginning too, which people search for
            models.UniqueConstraint(fields=["sha256"], name="certificate_once", opclasses=["varchar_pattern_ops"]),
        ]
        indexes = [
            # with the vendor in it, so that SQLite, which guesses without statistics, never takes the vendor's index to
            # look for a successor: that would walk the vendor's certificates once for each of them
            models.Index(fields=["gateway", "vendor", "not_after"]),
            models.Index(fields=["vendor", "not_after", "id"]),
            models.Index(fields=["not_after", "id"]),
            models.Index(fields=["spki_sha256"]),
            models.Index(fields=["key"], name="certificate_with_key", condition=Q(key__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"Certificate {self.pk} of {self.gateway.eui}"

    @property
    def has_moved(self) -> bool:
        """The gateway belongs to another vendor by now, whose name for it is none of this one's business."""
        return self.gateway.vendor_id != self.vendor_id

    @property
    def gateway_name(self) -> str:
        return "" if self.has_moved else self.gateway.name

    @property
    def standing(self) -> Standing:
        """Needs a row out of `listed` or `with_successor`."""
        is_superseded = getattr(self, "is_superseded", False)
        return standing_of(self.not_after, self.revoked_at, clock.now(), is_superseded=is_superseded)

    @property
    def life(self) -> timedelta:
        return self.not_after - self.not_before

    @property
    def has_sealed_key(self) -> bool:
        """Its private key, made here, can still be handed over."""
        return (
            self.key is not None
            and self.key.destroyed_at is None
            and self.key_confirmed_at is None
            and self.revoked_at is None
            and self.key_until is not None
            and self.key_until > clock.now()
            and not self.has_moved
        )


class KeyHolderQuerySet(models.QuerySet["KeyHolder"]):
    def in_use(self, public_key: bytes) -> Self:
        """Those whose gateway was certified for this key (SubjectPublicKeyInfo, DER), or may yet be."""
        certified = Certificate.objects.filter(gateway_id=OuterRef("gateway_id"), spki_sha256=OuterRef("spki_sha256"))
        asked = Request.objects.undecided_or_made().filter(gateway_id=OuterRef("gateway_id"), public_key=public_key)
        return self.filter(Exists(certified) | Exists(asked))


class KeyHolder(models.Model):
    """A public key, and the one gateway that it is for: the primary key lets no second one have it."""

    spki_sha256 = models.CharField(max_length=64, primary_key=True)
    gateway = models.ForeignKey(Gateway, on_delete=models.CASCADE, related_name="+", db_index=False)

    objects = KeyHolderQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.gateway.eui} holds {self.spki_sha256[:12]}"
