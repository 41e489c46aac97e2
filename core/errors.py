"""Expected failures: raised anywhere, rendered once (core.middleware)."""


class Refused(Exception):
    """An act that the rules refuse, with a stable code and a sentence that says what to do.

    `field` names the form field that it is about, where there is one.
    """

    status = 409

    def __init__(self, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


class Forbidden(Refused):
    """The person may see the thing but not do this to it."""

    status = 403


class PasswordNeeded(Refused):
    """The act wants the person's password again."""

    status = 403


class Unprocessable(Refused):
    """What was sent cannot be understood as it is."""

    status = 422


class TooMany(Refused):
    """A quota or a rate limit is reached."""

    status = 429
