"""People, vendors, invitations, and what the deployment says of itself."""

from datetime import datetime
from typing import Any, Self

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower

from accounts.token_models import Answer, ApiToken
from core import clock

__all__ = ["Answer", "ApiToken", "Contact", "Deployment", "Invitation", "Role", "SetupLink", "User", "Vendor"]


class VendorQuerySet(models.QuerySet["Vendor"]):
    def visible_to(self, user: "User") -> Self:
        return self if user.sees_all else self.filter(pk=user.vendor_id)


class Vendor(models.Model):
    """A tenant: a gateway maker or reseller."""

    name = models.CharField(max_length=120)
    notes = models.TextField(blank=True)
    reply_to = models.EmailField(blank=True)  # who of the operators reads its answers to mails; empty: the sender's
    created_at = models.DateTimeField(default=clock.now)

    objects = VendorQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(Lower("name"), name="vendor_name_is_unique")]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    OPERATOR = "operator", "Operator"
    VENDOR = "vendor", "Vendor"
    AUDITOR = "auditor", "Auditor"


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def active_operators(self) -> models.QuerySet["User"]:
        return self.filter(role=Role.OPERATOR, is_active=True)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. The address signs in; the role says what for; a vendor's person sees that vendor only."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120)
    role = models.CharField(max_length=10, choices=Role)
    vendor = models.ForeignKey(Vendor, null=True, blank=True, on_delete=models.PROTECT, related_name="people")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]
    objects = UserManager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="vendor_role_has_a_vendor",
                condition=models.Q(role="vendor", vendor__isnull=False)
                | (~models.Q(role="vendor") & models.Q(vendor__isnull=True)),
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_operator(self) -> bool:
        return self.role == Role.OPERATOR

    @property
    def is_vendor(self) -> bool:
        return self.role == Role.VENDOR

    @property
    def sees_all(self) -> bool:
        """Operators and auditors see every tenant's things."""
        return self.role in (Role.OPERATOR, Role.AUDITOR)


class Contact(models.Model):
    """An address of a vendor that gets its mails beside the vendor's people."""

    class Rank(models.IntegerChoices):
        FIRST = 1, "Gets every mail"
        SECOND = 2, "Only where nobody has answered"

    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="contacts")
    name = models.CharField(max_length=120)
    email = models.EmailField()
    rank = models.PositiveSmallIntegerField(choices=Rank, default=Rank.FIRST)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["vendor", "email"], name="contact_once_per_vendor")]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open_at(self, instant: datetime) -> Self:
        return self.filter(used_at__isnull=True, revoked_at__isnull=True, expires_at__gt=instant)


class Invitation(models.Model):
    """A single-use link, kept as a hash, bound to an address, a role and a vendor."""

    token_hash = models.CharField(max_length=64, unique=True)
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role)
    vendor = models.ForeignKey(Vendor, null=True, blank=True, on_delete=models.CASCADE)
    invited_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="vendor_invitation_has_a_vendor",
                condition=models.Q(role="vendor", vendor__isnull=False)
                | (~models.Q(role="vendor") & models.Q(vendor__isnull=True)),
            )
        ]

    def __str__(self) -> str:
        return f"{self.email} as {self.role}"


class SetupLink(models.Model):
    """The one-time link for the first operator, kept as a hash. At most one row."""

    only = models.BooleanField(default=True, unique=True)
    token_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return "set-up link"


class Deployment(models.Model):
    """What the deployment says of itself, and what station kits need. At most one row."""

    only = models.BooleanField(default=True, unique=True)
    name = models.CharField(max_length=120)
    cups_uri = models.CharField(max_length=200, blank=True)
    cups_trust = models.TextField(blank=True)  # PEM of the certificate(s) that the CUPS server chains to
    default_lifetime_days = models.PositiveIntegerField(default=365)

    def __str__(self) -> str:
        return self.name
