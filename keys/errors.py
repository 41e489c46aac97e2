"""What keeps the vault shut."""

from core.errors import Refused


class VaultClosed(Refused):
    """A key cannot be used now, and nothing is wrong with what shall be signed: it waits."""

    status = 503


class TokenAway(VaultClosed):
    """The token does not answer, or not to us."""
