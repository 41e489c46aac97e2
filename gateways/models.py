"""Gateways and the disputes about who owns them."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from accounts.models import User, Vendor
from cas.models import Authority
from core import clock
from gateways import bulk
from gateways.custody_models import Claim, ClaimQuerySet, Dispute, EuiBlock
from gateways.import_models import Import, WorkFile, WorkPart
from pki.eui import InvalidEui, read_eui

__all__ = [
    "SOON", "Claim", "ClaimQuerySet", "Dispute", "EuiBlock", "Gateway", "GatewayQuerySet", "Import", "Standing", "Tag",
    "WorkFile", "WorkPart",
]  # fmt: skip

SOON = timedelta(days=60)
EUI_DIGITS = 16
HEX = re.compile(r"[0-9A-F]+")


class Standing(models.TextChoices):
    """How a gateway stands with its certificate; derived, never stored."""

    NONE = "none", "No certificate"
    VALID = "valid", "Valid"
    SOON = "soon", "Ends soon"
    EXPIRED = "expired", "Expired"
    RETIRED = "retired", "Retired"

    @property
    def tone(self) -> str:
        """The state word of our stylesheet."""
        return {"valid": "good", "soon": "warn", "expired": "bad"}.get(self.value, "idle")


def _named(text: str) -> Q:
    """Whose name contains `text`, or only begins with it where the database has no index for parts of words."""
    return Q(name__icontains=text) if bulk.finds_parts() else Q(name__istartswith=text)


def _with_digits(digits: str) -> Q:
    """Whose EUI contains these digits, or only begins with them where the database has no index for parts."""
    if bulk.finds_parts():
        return Q(eui__contains=digits)
    return Q(eui__gte=digits.ljust(EUI_DIGITS, "0"), eui__lte=digits.ljust(EUI_DIGITS, "F"))


class GatewayQuerySet(models.QuerySet["Gateway"]):
    def visible_to(self, user: User) -> Self:
        return self if user.sees_all else self.filter(vendor_id=user.vendor_id)

    def matching(self, text: str) -> Self:
        """Those whose EUI was written, whole in any notation or in part, or whose name contains `text`. Who is still
        typing has written a MAC address or an ID6 on the way: that is a part too."""
        meant = _named(text)
        with suppress(InvalidEui):
            meant |= Q(eui=read_eui(text).eui)
        digits = re.sub(r"[-:. ]", "", text).upper()
        if HEX.fullmatch(digits) and len(digits) < EUI_DIGITS:
            meant |= _with_digits(digits)
        return self.filter(meant)

    def standing(self, standing: str, at: datetime) -> Self:
        """Those whose certificate stands like this at `at`."""
        ends = "current_not_after"
        if standing == Standing.RETIRED:
            return self.filter(retired_at__isnull=False)
        return self.in_use().filter(
            {
                Standing.NONE: Q(**{f"{ends}__isnull": True}),
                Standing.VALID: Q(**{f"{ends}__gt": at + SOON}),
                Standing.SOON: Q(**{f"{ends}__gt": at, f"{ends}__lte": at + SOON}),
                Standing.EXPIRED: Q(**{f"{ends}__lte": at}),
            }[Standing(standing)]
        )

    def in_use(self) -> Self:
        return self.filter(retired_at__isnull=True)

    def tagged(self, tags: Sequence[int]) -> Self:
        """Those with one of these tags, by the tags' ids."""
        through = Gateway.tags.through.objects.filter(gateway_id=models.OuterRef("pk"), tag_id__in=tags)
        return self.filter(models.Exists(through))

    def never_certified(self) -> Self:
        """Those that no certificate was ever made or recorded for."""
        return self.filter(current_not_after__isnull=True).exclude(certificates__isnull=False)

    def listed(self) -> Self:
        """With what a row of a list shows, and no more. Tags come by `name_tags`."""
        return self.select_related("vendor", "current_authority").only(
            "eui", "name", "model", "vendor__name", "current_authority__name", "current_not_after", "retired_at",
            "last_seen_at",
        )  # fmt: skip

    def disputed(self) -> Self:
        return self.filter(models.Exists(Dispute.objects.open().filter(gateway=models.OuterRef("pk"))))


class TagQuerySet(models.QuerySet["Tag"]):
    def visible_to(self, user: User) -> Self:
        return self if user.sees_all else self.filter(vendor_id=user.vendor_id)

    def named(self, names: Iterable[str]) -> Self:
        """Those with one of these names, whatever its case: of letters beyond ASCII, not every database knows that."""
        wanted = list(names)
        folded = Q(folded__in=[name.lower() for name in wanted])
        return self.annotate(folded=Lower("name")).filter(folded | Q(name__in=wanted))


class Tag(models.Model):
    """A word that a vendor, or an operator for it, puts on gateways to find them again."""

    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="tags", db_index=False)
    name = models.CharField(max_length=40)

    objects = TagQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["vendor", "name"], name="tag_once_per_vendor")]
        indexes = [models.Index(fields=["name"])]

    def __str__(self) -> str:
        return self.name


class Gateway(models.Model):
    """A gateway: an EUI-64 with one owner (G12)."""

    eui = models.CharField(max_length=16)
    vendor = models.ForeignKey(Vendor, on_delete=models.PROTECT, related_name="gateways", db_index=False)
    name = models.CharField(max_length=120, blank=True)
    model = models.CharField(max_length=80, blank=True)
    notes = models.TextField(blank=True)
    tags = models.ManyToManyField(Tag, blank=True, related_name="gateways")
    registered_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    registered_at = models.DateTimeField(default=clock.now)
    # where it came out of a file: many such gateways have one audit record between them
    registered_in = models.ForeignKey(
        Import, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    # its certificate in force that lasts longest, and until when that is accepted: its own end, or its authority's
    # where that comes first. Written only by the services of `certificates`.
    current_authority = models.ForeignKey(
        Authority, null=True, blank=True, on_delete=models.PROTECT, related_name="current_gateways", db_index=False
    )
    current_not_after = models.DateTimeField(null=True, blank=True)
    current_profile = models.CharField(max_length=40, blank=True)  # empty where its own CA issued it
    retired_at = models.DateTimeField(null=True, blank=True)  # it has no certificate in force, and gets none
    # where it was seen checking in. Without a sighting nothing is known, which is not the same as silent
    first_seen_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    last_seen_sha256 = models.CharField(max_length=64, blank=True)  # of the leaf that it showed then
    sightings = models.PositiveIntegerField(default=0)

    tag_names: Sequence[str]  # by `name_tags`

    objects = GatewayQuerySet.as_manager()

    class Meta:
        ordering = ["eui"]
        constraints = [
            # whoever looks for a beginning asks for a range: a second index for patterns is not needed
            models.UniqueConstraint(fields=["eui"], name="gateway_eui_once"),
            models.CheckConstraint(name="eui_is_canonical", condition=models.Q(eui__regex=r"^[0-9A-F]{16}$")),
        ]
        # each certificate pays for each of them: docs/decisions.md says what they serve. PostgreSQL has one more, for
        # parts of names and EUIs (gateways.bulk)
        indexes = [
            models.Index(fields=["vendor", "eui"]),
            models.Index(fields=["current_not_after", "id"]),
            models.Index(fields=["vendor", "current_not_after", "id"], name="gateway_by_vendor_and_end"),
            models.Index(fields=["current_authority", "eui"], name="gateway_by_authority"),
            models.Index(fields=["last_seen_at", "id"], name="gateway_by_sighting"),
            models.Index(fields=["model", "eui"], name="gateway_by_model"),
        ]

    def __str__(self) -> str:
        return self.eui

    @property
    def standing(self) -> Standing:
        return standing_of(self.current_not_after, self.retired_at, clock.now())


def name_tags(gateways: Sequence[Gateway]) -> None:
    """Give each of a page's rows the names of its tags."""
    named = tags_of([gateway.pk for gateway in gateways])
    for gateway in gateways:
        gateway.tag_names = named[gateway.pk]


def tags_of(pks: Sequence[int]) -> dict[int, list[str]]:
    """The names of the tags of each of these gateways, in their order, by one query for all."""
    named: dict[int, list[str]] = {pk: [] for pk in pks}
    rows = Gateway.tags.through.objects.filter(gateway__any_of=pks).order_by("tag__name")
    for pk, name in rows.values_list("gateway_id", "tag__name"):
        named[pk].append(name)
    return named


def standing_of(ends: datetime | None, retired_at: datetime | None, now: datetime) -> Standing:
    """How a gateway stands whose certificate is accepted until `ends`."""
    if retired_at:
        return Standing.RETIRED
    if ends is None:
        return Standing.NONE
    if ends <= now:
        return Standing.EXPIRED
    return Standing.SOON if ends <= now + SOON else Standing.VALID
