"""The versions of profiles that were made here; those that the product ships are code (`pki.profiles`)."""

from django.db import models

from accounts.models import User
from core import clock
from pki.profiles import Profile, from_content


class ProfileVersion(models.Model):
    """What certificates of this profile look like from then on. Never changed: certificates name it."""

    name = models.CharField(max_length=40)
    version = models.PositiveIntegerField()
    content = models.JSONField()  # `pki.profiles.to_content`
    note = models.CharField(max_length=300, blank=True)
    made_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["name", "-version"]
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="profile_version_once")]

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"

    @property
    def profile(self) -> Profile:
        return from_content(self.name, self.version, self.content)
