"""Findings as they are stored with what they are about."""

from collections.abc import Iterable

from core.logs import one_line
from pki.findings import Finding


def as_rows(findings: Iterable[Finding]) -> list[dict[str, str]]:
    return [
        {
            "code": each.code,
            "severity": each.severity.value,
            "message": one_line(each.message),
            "advice": one_line(each.advice),
        }
        for each in findings
    ]
