"""Authorities: CA certificates that the system knows, and the register of what our own keys sign."""

from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q

from accounts.models import User, Vendor
from cas.profile_models import ProfileVersion
from cas.revocation_models import ListPage, OcspAnswer, OcspSigner, RevocationList, StatusService
from core import clock
from core.logs import one_line
from keys.models import Key
from pki.facts import CertificateFacts
from pki.profiles import AUTHORITIES

__all__ = [
    "Authority", "ListPage", "OcspAnswer", "OcspSigner", "ProfileVersion", "Proof", "ProofCode",
    "RevocationList", "Signing", "StatusService", "TestLeaf", "Waiver",
]  # fmt: skip


class AuthorityQuerySet(models.QuerySet["Authority"]):
    def visible_to(self, user: User) -> Self:
        """A vendor sees its own authorities and the operated ones that issue for gateways."""
        if user.sees_all:
            return self
        ours = models.Q(origin=Authority.Origin.OPERATED, for_gateways=True)
        return self.filter(models.Q(vendor_id=user.vendor_id) | ours)

    def waiting(self) -> Self:
        return self.filter(state=Authority.State.SUBMITTED)

    def open_to(self, decision: object) -> Self:
        """Uploaded authorities that may be decided on: those that wait, and a refused one may be approved after all."""
        states = [Authority.State.SUBMITTED]
        if decision == Authority.State.APPROVED:
            states.append(Authority.State.REFUSED)
        return self.filter(origin=Authority.Origin.UPLOADED, state__in=states)

    def approved(self) -> Self:
        return self.filter(state=Authority.State.APPROVED)

    def operated(self) -> Self:
        return self.filter(origin=Authority.Origin.OPERATED)

    def valid_at(self, instant: datetime) -> Self:
        return self.filter(not_before__lte=instant, not_after__gt=instant)

    def operated_roots(self) -> Self:
        return self.operated().filter(is_root=True).order_by("name")

    def issuing(self) -> Self:
        """Operated authorities that sign certificates of gateways or servers: those that another authority issued."""
        return self.operated().filter(parent__isnull=False)

    def usable_at(self, instant: datetime) -> Self:
        """Operated issuing authorities that may sign a gateway's certificate at `instant`."""
        return self.issuing().approved().valid_at(instant).filter(for_gateways=True)

    def usable_for_servers_at(self, instant: datetime) -> Self:
        """The same for a server's certificate."""
        return self.issuing().approved().valid_at(instant).filter(for_servers=True)

    def for_fleet(self) -> Self:
        """Those that gateways may have their certificates of: not the ones for servers alone."""
        return self.filter(for_gateways=True)

    def beside(self, vendor: Vendor | None) -> Self:
        """Those that a chain of `vendor` may be drawn with: its own, and those of no vendor."""
        return self.filter(Q(vendor=vendor) | Q(vendor__isnull=True))

    def gateway_counts(self, user: User) -> dict[int, int]:
        """How many gateways present a certificate of each authority now, as far as `user` sees them."""
        theirs = None if user.sees_all else Q(current_gateways__vendor=user.vendor_id)
        counted = self.order_by().annotate(gateways=models.Count("current_gateways", filter=theirs))
        return dict(counted.values_list("pk", "gateways"))

    def matching(self, text: str) -> Self:
        """By a part of the name, or by the beginning of a fingerprint or serial in any grouping."""
        digits = text.lower().replace(":", "").replace(" ", "")
        found = Q(name__icontains=text)
        if len(digits) >= 4 and set(digits) <= set("0123456789abcdef"):
            found |= Q(sha256__startswith=digits) | Q(serial__startswith=digits.lstrip("0"))
        return self.filter(found)

    def ending_within(self, days: int, at: datetime) -> Self:
        return self.filter(not_after__gt=at, not_after__lte=at + timedelta(days=days))

    def ended_at(self, instant: datetime) -> Self:
        return self.filter(not_after__lte=instant)

    def with_rsa_keys(self) -> Self:
        return self.filter(key_type__startswith="RSA")

    def listed(self) -> Self:
        """Without what lists never show."""
        return self.defer("der", "subject", "issuer", "findings").select_related("vendor", "parent")


class Authority(models.Model):
    """A CA certificate. Its facts are columns, written once at intake; a row is known by the SHA-256 of its DER."""

    class Origin(models.TextChoices):
        UPLOADED = "uploaded", "Uploaded"
        OPERATED = "operated", "Operated here"
        FOUND = "found", "Found in the store"

    class State(models.TextChoices):
        SUBMITTED = "submitted", "Waits for review"
        APPROVED = "approved", "Approved"
        REFUSED = "refused", "Refused"

    sha256 = models.CharField(max_length=64, unique=True)
    der = models.BinaryField()
    name = models.CharField(max_length=300)  # the common name, or the whole subject
    subject = models.TextField()
    issuer = models.TextField()
    serial = models.TextField()  # lower-case hex; foreign ones may be longer than the RFC allows
    not_before = models.DateTimeField()
    not_after = models.DateTimeField(db_index=True)
    key_type = models.CharField(max_length=60)
    spki_sha256 = models.CharField(max_length=64, db_index=True)
    signature_algorithm = models.CharField(max_length=60)
    path_length = models.IntegerField(null=True, blank=True)
    is_root = models.BooleanField()  # self-signed
    # what its extended key usage lets it issue for: clientAuth, serverAuth
    for_gateways = models.BooleanField(default=True)
    for_servers = models.BooleanField(default=True)

    origin = models.CharField(max_length=10, choices=Origin)
    vendor = models.ForeignKey(Vendor, null=True, blank=True, on_delete=models.PROTECT, related_name="authorities")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    key = models.ForeignKey(Key, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    findings = models.JSONField(default=list)  # as the intake said them

    state = models.CharField(max_length=10, choices=State, default=State.SUBMITTED)
    submitted_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    submitted_at = models.DateTimeField(default=clock.now)
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.TextField(blank=True)
    single_handed = models.BooleanField(default=False)

    objects = AuthorityQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "authorities"
        constraints = [
            models.CheckConstraint(
                name="operated_authority_has_a_key",
                condition=models.Q(origin="operated", key__isnull=False)
                | (~models.Q(origin="operated") & models.Q(key__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def from_facts(cls, facts: CertificateFacts, **more: Any) -> "Authority":
        """An unsaved row with the facts of a certificate; `more` says where it comes from."""
        return cls(
            sha256=facts.sha256,
            der=facts.der,
            name=one_line(facts.name)[:300],
            subject=one_line(facts.subject),
            issuer=one_line(facts.issuer),
            serial=facts.serial,
            not_before=facts.not_before,
            not_after=facts.not_after,
            key_type=facts.key_type,
            spki_sha256=facts.spki_sha256,
            signature_algorithm=facts.signature_algorithm,
            path_length=facts.path_length,
            is_root=facts.is_self_signed,
            for_gateways=facts.allows("clientAuth"),
            for_servers=facts.allows("serverAuth"),
            **more,
        )

    def chain(self) -> "list[Authority]":
        """This authority and those above it, issuing first, as far as they are known."""
        chain, seen = [self], {self.pk}
        while (above := chain[-1].parent) is not None and above.pk not in seen:
            chain.append(above)
            seen.add(above.pk)
        return chain

    @property
    def is_issuing(self) -> bool:
        """Operated, and below a root: it signs gateway certificates."""
        return self.is_operated and self.parent_id is not None

    @property
    def kind(self) -> str:
        return "Root" if self.is_root else "Issuing"

    @property
    def is_uploaded(self) -> bool:
        return self.origin == self.Origin.UPLOADED

    @property
    def is_operated(self) -> bool:
        return self.origin == self.Origin.OPERATED

    @property
    def time_left(self) -> timedelta:
        return self.not_after - clock.now()


class TestLeafQuerySet(models.QuerySet["TestLeaf"]):
    def tried(self) -> Self:
        """Those with a verdict, the latest first."""
        return self.filter(tried_at__isnull=False).order_by("-tried_at", "-pk")


class TestLeaf(models.Model):
    """A gateway certificate that was tried against one authority: shows how the vendor signs, is never trusted.

    The verdict is that of The Things Stack if this authority were its whole bundle.
    """

    __test__ = False  # not one of pytest's

    authority = models.ForeignKey(Authority, on_delete=models.CASCADE, related_name="test_leaves")
    sha256 = models.CharField(max_length=64)
    der = models.BinaryField()
    name = models.CharField(max_length=300)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    is_signed_by_it = models.BooleanField(default=True)
    accepted = models.BooleanField(default=False)
    rule = models.CharField(max_length=40, blank=True)  # of pki.preflight.Verdict
    message = models.TextField(blank=True)
    findings = models.JSONField(default=list)
    tried_at = models.DateTimeField(null=True, blank=True)  # null: kept before verdicts were
    tried_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    objects = TestLeafQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["authority", "sha256"], name="test_leaf_once")]

    def __str__(self) -> str:
        return self.name


class ProofCodeQuerySet(models.QuerySet["ProofCode"]):
    def standing(self) -> Self:
        """The last code of each authority, unless it was used: it may be over."""
        return self.filter(used_at__isnull=True, replaced_at__isnull=True)

    def open_at(self, instant: datetime) -> Self:
        return self.standing().filter(expires_at__gt=instant)


class ProofCode(models.Model):
    """What a vendor shows as the common name of a certificate that its authority signs, once.

    Kept as it is, because it opens nothing: without the authority's private key nobody can make the certificate that
    it asks for, and with that key nothing more is to be had. So a stolen dump is harmless, and the page can show the
    code as long as it is good.
    """

    code = models.CharField(max_length=64, unique=True)
    authority = models.ForeignKey(Authority, on_delete=models.CASCADE, related_name="proof_codes")
    authority_sha256 = models.CharField(max_length=64)  # of the certificate that it was made for
    vendor = models.ForeignKey(Vendor, on_delete=models.PROTECT, related_name="+")
    made_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    replaced_at = models.DateTimeField(null=True, blank=True)

    objects = ProofCodeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["authority"],
                name="one_standing_code_per_authority",
                condition=Q(used_at__isnull=True, replaced_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"code for {self.authority}"  # never the code itself: this is what records and logs show

    @property
    def is_over(self) -> bool:
        return self.expires_at <= clock.now()


class Proof(models.Model):
    """The certificate that showed possession of an authority's key. Evidence, never trusted."""

    authority = models.OneToOneField(Authority, on_delete=models.CASCADE, related_name="proof")
    code = models.OneToOneField(ProofCode, on_delete=models.RESTRICT, related_name="proof")
    sha256 = models.CharField(max_length=64, unique=True)
    der = models.BinaryField()
    findings = models.JSONField(default=list)
    proven_at = models.DateTimeField(default=clock.now)
    proven_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"proof of {self.authority}"


class Waiver(models.Model):
    """An operator does without a piece of evidence, and says why."""

    class What(models.TextChoices):
        PROOF = "proof", "Proof of possession"
        TEST_LEAF = "test-leaf", "Test leaf"

    authority = models.ForeignKey(Authority, on_delete=models.CASCADE, related_name="waivers")
    what = models.CharField(max_length=10, choices=What)
    reason = models.TextField()
    waived_at = models.DateTimeField(default=clock.now)
    waived_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    single_handed = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["authority", "what"], name="waived_once")]

    def __str__(self) -> str:
        return f"{self.get_what_display()} of {self.authority} waived"


class SigningQuerySet(models.QuerySet["Signing"]):
    def reserved(self) -> Self:
        return self.filter(state=Signing.State.RESERVED)

    def may_exist(self) -> Self:
        return self.filter(state=Signing.State.MAY_EXIST)

    def reserved_before(self, instant: datetime) -> Self:
        return self.reserved().filter(reserved_at__lte=instant)

    def without_authority(self, signed_before: datetime) -> Self:
        """Signed as an authority by one of our keys, and whoever did it never wrote the authority down.

        Told by their issuers, of which there are few: gateways' signatures, by the million, are not looked at.
        """
        roots = list(Authority.objects.operated_roots().values_list("pk", flat=True))
        made = self.filter(Q(issuer__isnull=True) | Q(issuer__in=roots), profile__in=AUTHORITIES)
        kept = Authority.objects.operated().filter(serial=OuterRef("serial"))
        signed = made.filter(state=Signing.State.SIGNED, signed_at__lte=signed_before, revoked_at__isnull=True)
        return signed.filter(~Exists(kept))

    def doubtful_roots(self) -> Self:
        """Roots that may exist, and of which nobody said that they are given up."""
        return self.may_exist().filter(issuer__isnull=True, revoked_at__isnull=True)

    def to_be_listed(self) -> Self:
        """Revoked, and not on its issuer's list yet."""
        return self.filter(revoked_at__isnull=False, is_listed=False, issuer__isnull=False)

    def open_to_sign(self) -> Self:
        """Not signed and not revoked: whoever was interrupted may still finish these."""
        return self.filter(state__in=[Signing.State.RESERVED, Signing.State.MAY_EXIST], revoked_at__isnull=True)


class Signing(models.Model):
    """One signature of an operated key over a certificate: committed, with every byte to be signed, before the
    key is used (G1).

    A row that stays `reserved` may or may not have become a certificate: it is settled as `may-exist`, can be
    revoked by serial, and can still be finished, which signs the same bytes and gives the same certificate.
    """

    class State(models.TextChoices):
        RESERVED = "reserved", "Reserved"
        SIGNED = "signed", "Signed"
        MAY_EXIST = "may-exist", "May exist"

    class Reason(models.TextChoices):  # RFC 5280 section 5.3.1, those that an operator chooses from
        UNSPECIFIED = "unspecified", "No particular reason"
        KEY_COMPROMISE = "keyCompromise", "The private key may be known to others"
        SUPERSEDED = "superseded", "Replaced by another certificate"
        CESSATION = "cessationOfOperation", "Out of service"

    key = models.ForeignKey(Key, on_delete=models.PROTECT, related_name="+", db_index=False)
    issuer = models.ForeignKey(Authority, null=True, on_delete=models.PROTECT, related_name="signings")  # null: a root
    serial = models.CharField(max_length=40)
    subject = models.CharField(max_length=300)
    profile = models.CharField(max_length=40)
    profile_version = models.PositiveIntegerField()
    tbs = models.BinaryField()  # the TBSCertificate, as it was linted
    tbs_sha256 = models.CharField(max_length=64)
    signature_algorithm = models.CharField(max_length=60)
    not_after = models.DateTimeField()
    requester = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State, default=State.RESERVED)
    reserved_at = models.DateTimeField(default=clock.now)
    signed_at = models.DateTimeField(null=True, blank=True)
    der = models.BinaryField(null=True)  # the certificate, once signed
    revoked_at = models.DateTimeField(null=True, blank=True)
    revocation_reason = models.CharField(max_length=30, blank=True, choices=Reason)
    # its revocation is on a page of its issuer's list, or was
    is_listed = models.BooleanField(default=False, db_default=False)

    objects = SigningQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["key", "serial"], name="serial_once_per_issuing_key"),
            models.UniqueConstraint(
                fields=["subject"],
                name="operated_authority_name_once",
                condition=Q(profile__in=AUTHORITIES, state__in=["reserved", "signed"], revoked_at__isnull=True),
            ),
            models.CheckConstraint(
                name="signed_has_a_certificate",
                condition=Q(state="signed", der__isnull=False) | (~Q(state="signed") & Q(der__isnull=True)),
            ),
        ]
        indexes = [
            models.Index(
                fields=["state", "reserved_at"],
                name="signing_begun",
                condition=Q(state="reserved") | Q(state="may-exist"),
            ),
            models.Index(
                fields=["issuer", "id"],
                name="signing_to_be_listed",
                condition=Q(revoked_at__isnull=False, is_listed=False),
            ),
        ]

    def __str__(self) -> str:
        return f"serial {self.serial}"
