"""Private keys, encrypted at rest. Only this package reads these rows."""

import uuid
from typing import Self

from django.db import models
from django.db.models import Q

from core import clock


class KeyQuerySet(models.QuerySet["Key"]):
    def alive(self) -> Self:
        return self.filter(destroyed_at__isnull=True)

    def sealed(self) -> Self:
        """What a key-encryption key opens."""
        return self.alive().filter(provider=Key.Provider.SEALED)

    def in_token(self) -> Self:
        return self.alive().filter(provider=Key.Provider.PKCS11)


class Key(models.Model):
    """One private key: under a data key of its own, which the key-encryption key wraps, or in a PKCS#11 token.

    There its CKA_ID is the row's id as 16 octets, and its label the same id in words.
    """

    class Provider(models.TextChoices):
        SEALED = "sealed", "Sealed in the database"
        PKCS11 = "pkcs11", "In the token"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    provider = models.CharField(max_length=10, choices=Provider, default=Provider.SEALED)
    token = models.CharField(max_length=32, default="", blank=True)  # the label of the token that it was made in
    purpose = models.CharField(max_length=20)  # "authority", "gateway"
    key_type = models.CharField(max_length=20)  # "P-256", "RSA 2048"
    public_key = models.BinaryField()  # SubjectPublicKeyInfo, DER
    spki_sha256 = models.CharField(max_length=64)
    kek_id = models.CharField(max_length=32)  # empty: in a token
    wrap_nonce = models.BinaryField(null=True)
    wrapped_key = models.BinaryField(null=True)  # null once destroyed, and in a token
    nonce = models.BinaryField(null=True)
    ciphertext = models.BinaryField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    destroyed_at = models.DateTimeField(null=True, blank=True)
    signatures = models.PositiveBigIntegerField(default=0)

    objects = KeyQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["spki_sha256"])]
        constraints = [
            models.CheckConstraint(
                name="key_is_sealed_in_a_token_or_destroyed",
                condition=Q(provider="sealed", destroyed_at__isnull=True, wrapped_key__isnull=False)
                | Q(provider="sealed", destroyed_at__isnull=False, wrapped_key__isnull=True)
                | (Q(provider="pkcs11", wrapped_key__isnull=True, ciphertext__isnull=True) & ~Q(token="")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.key_type} {self.spki_sha256[:12]}"

    @property
    def is_in_token(self) -> bool:
        return self.provider == self.Provider.PKCS11


class Canary(models.Model):
    """A known text under the key-encryption key: tells a wrong key before anything is signed with it.

    At most one row.
    """

    only = models.BooleanField(default=True, unique=True)
    kek_id = models.CharField(max_length=32)
    wrap_nonce = models.BinaryField()
    wrapped_key = models.BinaryField()
    nonce = models.BinaryField()
    ciphertext = models.BinaryField()

    def __str__(self) -> str:
        return self.kek_id
