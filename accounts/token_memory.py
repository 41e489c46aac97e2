"""Tokens that were found a moment ago, kept in the memory of a web process: most calls come in quick succession.

A token is believed for a second. So one that was revoked, or whose owner was put out, opens nothing a second later
in any process, and at once in the one that did it.
"""

import time
from collections.abc import Callable

from accounts.models import ApiToken
from core import clock

BELIEVED = 1.0  # seconds
MOST = 10_000


class TokenMemory:
    """Of one process; its threads share it."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[ApiToken, float]] = {}

    def forget(self) -> None:
        self._found.clear()

    def find(self, secret_hash: str, look: Callable[[], ApiToken | None]) -> ApiToken | None:
        """The token of this hash: as it was remembered, or else by `look`."""
        token, until = self._found.get(secret_hash, (None, 0.0))
        if token is None or time.monotonic() >= until:
            token = look()
            self._keep(secret_hash, token)
        return token if token is not None and token.expires_at > clock.now() else None

    def _keep(self, secret_hash: str, token: ApiToken | None) -> None:
        """What is unknown is not kept: nobody fills the memory with guesses."""
        if token is None:
            self._found.pop(secret_hash, None)
            return
        if len(self._found) >= MOST:
            self._found.clear()
        self._found[secret_hash] = (token, time.monotonic() + BELIEVED)


MEMORY = TokenMemory()
