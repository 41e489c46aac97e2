"""Tokens with which programs use the API in a person's name, and what was answered to them."""

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models

from core import clock
from core.scopes import WORDS, Scope

ANSWERS_KEPT = timedelta(hours=24)


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable_at(self, instant: datetime) -> Self:
        """Neither ended nor revoked, and of somebody who may come in."""
        return self.filter(revoked_at__isnull=True, expires_at__gt=instant, owner__is_active=True)

    def listed(self) -> Self:
        return self.select_related("owner", "vendor", "revoked_by")


class ApiToken(models.Model):
    """A program's way in, kept as a hash. It acts as its owner, narrowed by scopes and for an operator by a vendor."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_tokens")
    vendor = models.ForeignKey(
        "accounts.Vendor", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    name = models.CharField(max_length=80)
    token_hash = models.CharField(max_length=64)
    ending = models.CharField(max_length=4)  # the last characters, by which a person knows it again
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)  # to the minute
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    # of the present minute's calls, those that some web process has taken for itself
    minute = models.BigIntegerField(default=0)
    taken = models.PositiveIntegerField(default=0)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["token_hash"], name="api_token_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_usable(self) -> bool:
        return self.revoked_at is None and self.expires_at > clock.now()

    @property
    def days_left(self) -> int:
        return (self.expires_at - clock.now()).days

    @property
    def may(self) -> list[str]:
        """Its scopes in words."""
        return [WORDS[Scope(each)] for each in self.scopes]


class AnswerQuerySet(models.QuerySet["Answer"]):
    def forgotten_at(self, instant: datetime) -> Self:
        return self.filter(begun_at__lte=instant - ANSWERS_KEPT)


class Answer(models.Model):
    """What a POST with an Idempotency-Key was answered: sent again, it is not done again. Never a private key."""

    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="answers", db_index=False)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)  # of method, address and body
    begun_at = models.DateTimeField(default=clock.now, db_index=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)  # empty while it is being done
    content_type = models.CharField(max_length=80, blank=True)
    location = models.CharField(max_length=300, blank=True)
    body = models.TextField(blank=True)

    objects = AnswerQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["token", "key"], name="answer_once_per_key")]

    def __str__(self) -> str:
        return f"answer to {self.fingerprint[:12]}"
