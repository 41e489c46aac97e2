"""Private keys in an archive, encrypted so that one person can read them: by age (C2SP age v1), with the `age` command.

Each file is encrypted for an X25519 recipient. Where somebody has a pass phrase instead of a key, an identity is made
for the archive, and that alone is encrypted with the pass phrase: scrypt takes a second, and there are many files.
"""

import pyrage  # type: ignore[import-untyped]  # it publishes none

from pki.errors import PkiError

SHORTEST = 12


class AgeLock:
    """What files are encrypted with. `identity_file` is for the archive: the identity, locked by the pass phrase."""

    def __init__(self, recipient: "pyrage.x25519.Recipient", identity_file: bytes | None) -> None:
        self._recipient, self.identity_file = recipient, identity_file

    def close(self, content: bytes) -> bytes:
        """Return `content` as an age file, binary."""
        return bytes(pyrage.encrypt(content, [self._recipient]))


def for_recipient(text: str) -> AgeLock:
    """A lock for the owner of an age key: `text` is its recipient, `age1…` (Bech32). Raises PkiError."""
    try:
        return AgeLock(pyrage.x25519.Recipient.from_str(text.strip()), None)
    except pyrage.RecipientError:
        message = "This is no age recipient: it begins with age1 and has 62 letters. `age-keygen -y` says yours."
        raise PkiError("recipient-invalid", message) from None


def for_pass_phrase(text: str) -> AgeLock:
    """A lock that opens with `text`, of at least 12 characters. Raises PkiError."""
    if len(text) < SHORTEST:
        raise PkiError("pass-phrase-short", f"A pass phrase has at least {SHORTEST} characters.")
    identity = pyrage.x25519.Identity.generate()
    locked = bytes(pyrage.passphrase.encrypt(f"{identity}\n".encode(), text))
    return AgeLock(identity.to_public(), locked)
