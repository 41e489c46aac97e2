"""Durations as Go writes them ("8760h", "43800h0m0s"): time.ParseDuration of Go 1.22."""

import re
from datetime import timedelta
from fractions import Fraction

from pki.errors import PkiError

_UNITS = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "μs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
}
_PART = re.compile(r"([0-9]{1,20})(?:\.([0-9]{0,20}))?(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_LONGEST = (2**63 - 1) // 10**9  # seconds: an int64 of nanoseconds


def read_duration(text: str) -> timedelta:
    """Return the duration, in whole seconds. Raises PkiError `duration-refused`, for a negative one too."""
    if text == "0":
        return timedelta(0)
    seconds, at = Fraction(0), 0
    while found := _PART.match(text, at):
        whole, part, unit = found.groups()
        seconds += Fraction(f"{whole}.{part or 0}") * _UNITS[unit]
        at = found.end()
    if not text or at != len(text) or seconds > _LONGEST:
        raise PkiError("duration-refused", 'A duration is written as Go does, for example "8760h" for a year.')
    return timedelta(seconds=int(seconds))
