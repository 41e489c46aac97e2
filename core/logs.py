"""Log lines: one line each, whatever somebody put into a name."""

import logging


def one_line(text: str) -> str:
    """Return `text` with control and bidirectional characters made visible, so that a log stays a log."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


class Formatter(logging.Formatter):
    """`time level logger message`, with line breaks only in tracebacks."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's name
        return one_line(super().formatMessage(record))
