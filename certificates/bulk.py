"""Gateways with their certificates, requests and keys, by the thousand: the rows that the services write one by one."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from certificates.models import Certificate, KeyHolder, Request
from core import bulk
from gateways.models import Gateway


class GatewayRow(NamedTuple):
    """A gateway, with what `certificates.services.current` would write down of it."""

    id: int
    eui: str
    vendor_id: int
    name: str
    model: str
    registered_by_id: int
    registered_at: datetime
    current_authority_id: int | None
    current_not_after: datetime | None
    current_profile: str
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    sightings: int


class RequestRow(NamedTuple):
    """A request of which a certificate came."""

    id: int
    gateway_id: int
    vendor_id: int
    authority_id: int
    idempotency_key: str
    profile: str
    profile_version: int
    lifetime_days: int
    public_key: bytes
    key_type: str
    csr: bytes | None
    content_sha256: str
    state: str
    requested_by_id: int | None
    requested_at: datetime
    decided_at: datetime
    decision_reason: str
    serial: str
    not_before: datetime
    not_after: datetime
    signing_id: int
    attempts: int
    key_id: UUID | None = None
    chunk_id: int | None = None
    decided_by_id: int | None = None


class CertificateRow(NamedTuple):
    """A certificate; one without a request is recorded."""

    id: int
    request_id: int | None
    gateway_id: int
    vendor_id: int
    authority_id: int
    origin: str
    sha256: str
    der: bytes
    serial: str
    not_before: datetime
    not_after: datetime
    key_type: str
    spki_sha256: str
    created_at: datetime
    revoked_at: datetime | None
    revocation_reason: str
    revoked_by_id: int | None
    key_id: UUID | None = None
    key_until: datetime | None = None


class KeyHolderRow(NamedTuple):
    """A key, and the one gateway that it is for."""

    spki_sha256: str
    gateway_id: int


def insert_gateways(rows: Iterable[GatewayRow]) -> None:
    bulk.insert(Gateway, GatewayRow._fields, rows)


def insert_tags(rows: Iterable[tuple[int, int]]) -> None:
    """Pairs of the ids of a gateway and of a tag."""
    bulk.insert(Gateway.tags.through, ("gateway_id", "tag_id"), rows)


def insert_requests(rows: Iterable[RequestRow]) -> None:
    bulk.insert(Request, RequestRow._fields, rows)


def insert_certificates(rows: Iterable[CertificateRow]) -> None:
    bulk.insert(Certificate, CertificateRow._fields, rows)


def insert_key_holders(rows: Iterable[KeyHolderRow]) -> None:
    bulk.insert(KeyHolder, KeyHolderRow._fields, rows)
