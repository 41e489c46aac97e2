"""Imports of gateways from files: handed in, looked at line by line, agreed to, and written all at once."""

from gateways.services.imports.receiving import MAX_BYTES, Receiver, receive
from gateways.services.imports.reporting import Look, look_at, problems, report_rows
from gateways.services.imports.steps import (
    apply_import,
    begin_import,
    cancel_import,
    check_import,
    choose_again,
    expire_imports,
)
from gateways.services.imports.working import most_lines, work_on

__all__ = [
    "MAX_BYTES", "Look", "Receiver", "apply_import", "begin_import", "cancel_import", "check_import", "choose_again",
    "expire_imports", "look_at", "most_lines", "problems", "receive", "report_rows", "work_on",
]  # fmt: skip
