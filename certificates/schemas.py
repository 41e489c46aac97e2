"""What the API says of certificates, requests and batches, and takes."""

from datetime import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field

from cas.models import Signing
from certificates.models import Batch, Certificate, Line, Request
from certificates.services.requests import KEY_TYPES
from certificates.services.transfer import Fate
from core.api import Id, Text
from gateways.schemas import EUI, Eui
from pki.profiles import GATEWAY_CLIENT

CSR = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB…\n-----END CERTIFICATE REQUEST-----\n"
Reason = Literal["unspecified", "keyCompromise", "superseded", "cessationOfOperation"]
KeyType = Literal["P-256", "RSA 2048"]
FateName = Literal["revoked", "handed-over", "left"]
Days = Annotated[int, Field(ge=1, le=3660, examples=[365])]
ProfileName = Annotated[str, Text(40, least=1, examples=(GATEWAY_CLIENT.name,))]
Csr = Annotated[str, Text(64 * 1024, least=1, examples=(CSR,))]
Words = Annotated[str, Text(1000, least=1)]

if (set(Reason.__args__), set(KeyType.__args__), set(FateName.__args__)) != (  # type: ignore[attr-defined]  # a Literal
    set(Signing.Reason.values),
    set(KEY_TYPES),
    set(Fate.values),
):
    raise TypeError("the API offers other choices than the pages")


class CertificateOut(Schema):
    id: int
    eui: str = Field(examples=[EUI])
    vendor_id: int
    authority_id: int
    origin: str = Field(description="issued here, or recorded", examples=["issued"])
    state: str = Field(description="valid, soon, superseded, expired or revoked", examples=["valid"])
    serial: str
    sha256: str
    key_type: str = Field(examples=["P-256"])
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None
    revocation_reason: str | None
    request_id: int | None
    key_is_here: bool = Field(description="Its private key was made here and waits for its holder.")

    @classmethod
    def of(cls, row: Certificate) -> "CertificateOut":
        """Needs a row with its gateway, its key, and `with_successor`."""
        return cls.model_construct(
            id=row.pk,
            eui=row.gateway.eui,
            vendor_id=row.vendor_id,
            authority_id=row.authority_id,
            origin=row.origin,
            state=row.standing.value,
            serial=row.serial,
            sha256=row.sha256,
            key_type=row.key_type,
            not_before=row.not_before,
            not_after=row.not_after,
            revoked_at=row.revoked_at,
            revocation_reason=row.revocation_reason or None,
            request_id=row.request_id,
            key_is_here=row.has_sealed_key,
        )


class Revocation(Schema):
    reason: Reason

    model_config = {"extra": "forbid", "json_schema_extra": {"examples": [{"reason": "keyCompromise"}]}}


class Recording(Schema):
    pem: Annotated[str, Text(200_000, least=1)] = Field(
        description="The gateway's certificate, issued by an authority of its vendor that is on record."
    )

    model_config = {"extra": "forbid"}


class RequestOut(Schema):
    id: int
    eui: str = Field(examples=[EUI])
    vendor_id: int
    authority_id: int
    state: str = Field(
        description="requested, approved, reserved, issued, refused, failed or may-exist", examples=["requested"]
    )
    profile: str = Field(examples=[GATEWAY_CLIENT.name])
    lifetime_days: int
    key_type: str
    key_made_here: bool
    requested_at: datetime
    decided_at: datetime | None
    decision_reason: str
    failure: str
    certificate_id: int | None = Field(description="Once it is issued.")

    @classmethod
    def of(cls, row: Request) -> "RequestOut":
        """Needs a row with its gateway and `certificate_pk`."""
        return cls.model_construct(
            id=row.pk,
            eui=row.gateway.eui,
            vendor_id=row.vendor_id,
            authority_id=row.authority_id,
            state=row.state,
            profile=row.profile,
            lifetime_days=row.lifetime_days,
            key_type=row.key_type,
            key_made_here=row.key_id is not None,
            requested_at=row.requested_at,
            decided_at=row.decided_at,
            decision_reason=row.decision_reason,
            failure=row.failure,
            certificate_id=getattr(row, "certificate_pk", None),
        )


class Asking(Schema):
    """With a CSR, or with a key of this type that is made here."""

    eui: Eui
    csr: Csr | None = Field(None, description="PEM. Its only name is the EUI in 16 upper-case digits.")
    key_type: KeyType | None = None
    lifetime_days: Days | None = Field(None, description="One of the profile's; else the usual one.")
    profile: ProfileName = GATEWAY_CLIENT.name

    model_config = {"extra": "forbid", "json_schema_extra": {"examples": [{"eui": EUI, "csr": CSR}]}}


class BatchOut(Schema):
    id: int
    vendor_id: int
    authority_id: int
    state: str = Field(description="checking, checked, running, done, refused or cancelled", examples=["running"])
    source: str
    profile: str
    lifetime_days: int
    keys_made_here: bool
    requested_at: datetime
    decided_at: datetime | None
    decision_reason: str
    ended_at: datetime | None

    @classmethod
    def of(cls, row: Batch) -> "BatchOut":
        return cls.model_construct(
            id=row.pk,
            vendor_id=row.vendor_id,
            authority_id=row.authority_id,
            state=row.state,
            source=row.source,
            profile=row.profile,
            lifetime_days=row.lifetime_days,
            keys_made_here=row.makes_keys,
            requested_at=row.requested_at,
            decided_at=row.decided_at,
            decision_reason=row.decision_reason,
            ended_at=row.ended_at,
        )


class BatchDetail(BatchOut):
    lines: int
    refused: int
    issued: int


class LineOut(Schema):
    """A line that was refused, and why."""

    number: int
    text: str
    eui: str
    code: str = Field(examples=["gateway-unknown"])
    words: str

    @classmethod
    def of(cls, row: Line) -> "LineOut":
        return cls.model_construct(number=row.number, text=row.text, eui=row.eui, code=row.code, words=row.words)


class BatchAsking(Schema):
    """With CSRs, or with EUIs and a type of the keys that are made here."""

    euis: list[Eui] | None = Field(None, min_length=1, max_length=100_000)
    csrs: list[Csr] | None = Field(None, min_length=1, max_length=20_000)
    key_type: KeyType | None = None
    lifetime_days: Days | None = None
    profile: ProfileName = GATEWAY_CLIENT.name
    vendor_id: Id | None = Field(None, description="Needed of operators; others ask for themselves.")

    model_config = {
        "extra": "forbid",
        "json_schema_extra": {"examples": [{"euis": [EUI], "key_type": "P-256", "lifetime_days": 365}]},
    }


class Transfer(Schema):
    euis: list[Eui] = Field(min_length=1, max_length=5_000)
    to: Id = Field(description="The vendor that has them from now on.")
    certificates: FateName = Field(description="What becomes of those that the former owner has for them.")
    reason: Words = Field(description="Both vendors read it.")

    model_config = {"extra": "forbid"}


class Counted(Schema):
    count: int
