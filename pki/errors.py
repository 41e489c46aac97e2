"""The one error that `pki` raises for input it refuses."""


class PkiError(Exception):
    """Input that is refused, with a stable `code` (kebab-case) and a `message` that a person can act on."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
