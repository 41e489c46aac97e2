"""Signatures of webhooks after the Standard Webhooks specification (webhook-id, webhook-timestamp, webhook-signature).

The secret of an endpoint follows from the deployment's own secret: nothing in the database can be used to sign.
"""

import base64
import hashlib
import hmac
import uuid
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings

PREFIX = "whsec_"


def secret_of(endpoint: uuid.UUID, rotation: int) -> str:
    """Return the secret that the owner of the endpoint is shown once, and that signs."""
    return PREFIX + base64.b64encode(_key(endpoint, rotation)).decode()


def headers(body: bytes, *, hook_id: str, at: datetime, keys: Iterable[tuple[uuid.UUID, int]]) -> dict[str, str]:
    """Return the headers that go with `body`: one signature for each of `keys`, so that a change needs no gap."""
    stamp = str(int(at.timestamp()))
    content = b".".join([hook_id.encode(), stamp.encode(), body])
    made = (hmac.new(_key(*key), content, hashlib.sha256).digest() for key in keys)
    return {
        "Content-Type": "application/json",
        "User-Agent": "certadmin-webhooks",
        "webhook-id": hook_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(each).decode()}" for each in made),
    }


def _key(endpoint: uuid.UUID, rotation: int) -> bytes:
    named = f"certadmin webhook {endpoint} {rotation}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), named, hashlib.sha256).digest()
