"""Secrets of links: the link holds the secret, the database only its hash."""

import hashlib
import secrets


def new_token() -> tuple[str, str]:
    """Return a secret for a link and the hash to keep."""
    token = secrets.token_urlsafe(32)
    return token, hash_of(token)


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
