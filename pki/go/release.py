"""The releases of Go whose rules are followed."""

from enum import Enum


class Go(Enum):
    """A release of Go. `OLDEST` is named by The Things Stack 3.32, `NEWEST` is what a rebuild of it would use."""

    OLDEST = "1.22"
    NEWEST = "1.27"
