"""Which acts of the audit record are events for other systems, and what is said of each."""

import json
from collections.abc import Sequence
from datetime import UTC
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder

from audit.models import Record
from outbox.hook_models import Event

ACTIONS = {
    "certificate.issued": Event.ISSUED,
    "server-certificate.issued": Event.ISSUED,
    "certificate.revoked": Event.REVOKED,
    "server-certificate.revoked": Event.REVOKED,
    "release.published": Event.PUBLISHED,
    "store.failing": Event.FAILING,
    "alert.crossed": Event.EXPIRING,
}
# by what an alert is about: what people renew comes near its end, and what the product does by itself does not happen
ALERTS = {
    "authority": Event.EXPIRING,
    "certificate": Event.EXPIRING,
    "server": Event.EXPIRING,
    "probe": Event.EXPIRING,
    "list": Event.FAILING,
    "signer": Event.FAILING,
    "job": Event.FAILING,
}
# what an event carries of a record's details: never who did it by which token, nor what a later detail may hold
DETAILS = (
    "serial", "sha256", "reason", "request", "batch", "complaint", "kind", "threshold", "not_after", "renew_by",
    "subjects", "count", "gateways", "notices", "job", "since", "manifest",
)  # fmt: skip


def actions_of(events: Sequence[str]) -> list[str]:
    """The acts among which these events are; `event_of` says which of them."""
    wanted = set(events) | ({Event.EXPIRING.value} if Event.FAILING.value in events else set())
    return [action for action, event in ACTIONS.items() if event.value in wanted]


def event_of(record: Record) -> str:
    """Which event it is; empty for an alert about something else, such as a token."""
    if record.action != "alert.crossed":
        return ACTIONS[record.action].value
    return ALERTS.get(str(record.details.get("kind")), "")


def payload_of(record: Record) -> str:
    """The body of the event, as text: sent again it is the same to the octet."""
    data: dict[str, Any] = {
        "record": record.pk,
        "action": record.action,
        "words": record.sentence,
        "subject": {"kind": record.subject_kind, "id": record.subject_id, "name": record.subject_name},
        "vendor": record.vendor_id,
        "details": {name: record.details[name] for name in DETAILS if name in record.details},
    }
    return body_of(event_of(record), record.at.astimezone(UTC).isoformat(), data)


def body_of(event: str, timestamp: str, data: dict[str, Any]) -> str:
    """After the specification: what it is, when it happened, and about what."""
    body = {"type": event, "timestamp": timestamp, "deployment": settings.PUBLIC_URL, "data": data}
    return json.dumps(body, cls=DjangoJSONEncoder, separators=(",", ":"))
