"""What the API says of gateways, and takes."""

from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import AwareDatetime, Field

from core.api import Id, Text
from gateways.models import Claim, EuiBlock, Gateway
from pki.eui import to_dashed, to_id6

EUI = "58A0CBFFFE8011D4"
Eui = Annotated[
    str, Text(200, least=1, description="In any notation. Of a MAC address, see `reads_mac`.", examples=(EUI,))
]
Name = Annotated[str, Text(120, examples=("Kvitfjell mast",))]
Model = Annotated[str, Text(80)]
TagName = Annotated[str, Text(40, least=1, pattern=r"^[^\u0000,]*$", examples=("coast",))]
Notes = Annotated[str, Text(4000)]
Sha256 = Annotated[str, Text(64, pattern="^([0-9A-Fa-f]{64})?$", description="Of the leaf that it showed, in hex.")]


class GatewayOut(Schema):
    id: int
    eui: str = Field(examples=[EUI])
    eui_dashed: str = Field(examples=["58-A0-CB-FF-FE-80-11-D4"])
    eui_id6: str = Field(examples=["58a0:cbff:fe80:11d4"])
    vendor_id: int
    vendor: str = Field(examples=["Kestrel Radio"])
    name: str
    model: str
    state: str = Field(description="none, valid, soon (within 60 days), expired or retired", examples=["valid"])
    authority_id: int | None
    certificate_ends: datetime | None = Field(description="Or its authority's end, where that comes first.")
    profile: str
    registered_at: datetime
    retired_at: datetime | None
    first_seen_at: datetime | None = Field(description="null: not known, which is not the same as silent.")
    last_seen_at: datetime | None
    last_seen_sha256: str | None
    sightings: int

    @classmethod
    def of(cls, gateway: Gateway) -> "GatewayOut":
        return cls.model_construct(
            id=gateway.pk,
            eui=gateway.eui,
            eui_dashed=to_dashed(gateway.eui),
            eui_id6=to_id6(gateway.eui),
            vendor_id=gateway.vendor_id,
            vendor=gateway.vendor.name,
            name=gateway.name,
            model=gateway.model,
            state=gateway.standing.value,
            authority_id=gateway.current_authority_id,
            certificate_ends=gateway.current_not_after,
            profile=gateway.current_profile,
            registered_at=gateway.registered_at,
            retired_at=gateway.retired_at,
            first_seen_at=gateway.first_seen_at,
            last_seen_at=gateway.last_seen_at,
            last_seen_sha256=gateway.last_seen_sha256 or None,
            sightings=gateway.sightings,
        )


class GatewayDetail(GatewayOut):
    """With what only one gateway by itself says."""

    notes: str
    tags: list[str]
    disputed: bool = Field(description="Somebody else claims it: no certificate is made meanwhile.")


class Registration(Schema):
    eui: Eui
    reads_mac: bool = Field(default=False, description="Put FFFE into a MAC address; else one is refused.")
    name: Name = ""
    model: Model = ""
    vendor_id: Id | None = Field(None, description="Needed of operators; others register for themselves.")

    model_config = {
        "extra": "forbid",
        "json_schema_extra": {"examples": [{"eui": "58-A0-CB-FF-FE-80-11-D4", "name": "Kvitfjell mast"}]},
    }


class Description(Schema):
    """What is not given stays."""

    name: Name | None = None
    model: Model | None = None
    notes: Notes | None = None
    tags: list[TagName] | None = Field(None, max_length=20, description="All of them: others are taken off.")

    model_config = {"extra": "forbid", "json_schema_extra": {"examples": [{"name": "Kvitfjell mast"}]}}


class ClaimOut(Schema):
    id: int
    eui: str = Field(examples=[EUI])
    vendor_id: int
    name: str
    model: str
    claimed_at: datetime
    state: str = Field(description="waiting, registered or refused", examples=["waiting"])
    closed_at: datetime | None
    reason: str

    @classmethod
    def of(cls, claim: Claim) -> "ClaimOut":
        return cls.model_construct(
            id=claim.pk,
            eui=claim.eui,
            vendor_id=claim.vendor_id,
            name=claim.name,
            model=claim.model,
            claimed_at=claim.claimed_at,
            state=claim.outcome or "waiting",
            closed_at=claim.closed_at,
            reason=claim.reason,
        )


class BlockOut(Schema):
    id: int
    vendor_id: int
    block: str = Field(examples=["58A0CB/24"])
    first: str = Field(examples=["58A0CB0000000000"])
    last: str = Field(examples=["58A0CBFFFFFFFFFF"])
    bits: int
    name: str = Field(description="MA-L, MA-M, MA-S or empty", examples=["MA-L"])
    note: str
    added_at: datetime

    @classmethod
    def of(cls, block: EuiBlock) -> "BlockOut":
        return cls.model_construct(
            id=block.pk,
            vendor_id=block.vendor_id,
            block=str(block),
            first=block.first,
            last=block.last,
            bits=block.bits,
            name=block.name,
            note=block.note,
            added_at=block.added_at,
        )


class Sighting(Schema):
    eui: Eui
    at: AwareDatetime = Field(description="With a time zone.", examples=["2026-11-21T13:40:07Z"])
    sha256: Sha256 = ""

    model_config = {"extra": "forbid"}


class Sightings(Schema):
    sightings: list[Sighting] = Field(min_length=1, max_length=10_000)

    model_config = {
        "extra": "forbid",
        "json_schema_extra": {"examples": [{"sightings": [{"eui": EUI, "at": "2026-11-21T13:40:07Z"}]}]},
    }


class SightingsOut(Schema):
    taken: int = Field(description="Later than what was known.")
    older: int = Field(description="Not later than what was known: nothing changed.")
    unknown: int = Field(description="Of EUIs that nobody registered: nothing was made of them.")
    unreadable: int = Field(description="No EUI: left out.")
