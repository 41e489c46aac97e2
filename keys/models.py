"""Private keys, encrypted at rest. Only this package reads these rows."""

import uuid

from django.db import models

from core import clock


class Key(models.Model):
    """One private key under a data key of its own, which the key-encryption key wraps."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    purpose = models.CharField(max_length=20)  # "authority", "gateway"
    key_type = models.CharField(max_length=20)  # "P-256", "RSA 2048"
    public_key = models.BinaryField()  # SubjectPublicKeyInfo, DER
    spki_sha256 = models.CharField(max_length=64, db_index=True)
    kek_id = models.CharField(max_length=32)
    wrap_nonce = models.BinaryField(null=True)
    wrapped_key = models.BinaryField(null=True)  # null once destroyed
    nonce = models.BinaryField(null=True)
    ciphertext = models.BinaryField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    destroyed_at = models.DateTimeField(null=True, blank=True)
    signatures = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="key_is_sealed_or_destroyed",
                condition=models.Q(destroyed_at__isnull=True, wrapped_key__isnull=False)
                | models.Q(destroyed_at__isnull=False, wrapped_key__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.key_type} {self.spki_sha256[:12]}"


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
