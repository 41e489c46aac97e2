"""What an inspection says about a certificate, a CSR or a file."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding weighs: `REFUSED` stops the thing it is about, `WARNING` does not."""

    REFUSED = "refused"
    WARNING = "warning"
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact found, in words for a gateway maker.

    `code` is stable kebab-case text; `message` is one sentence saying what was found and why it matters to a
    gateway; `advice` is one sentence saying what to do, or empty where nothing is to be done.
    """

    code: str
    severity: Severity
    message: str
    advice: str = ""


def refuses(findings: Iterable[Finding]) -> bool:
    """Tell whether any of `findings` refuses."""
    return any(finding.severity is Severity.REFUSED for finding in findings)
