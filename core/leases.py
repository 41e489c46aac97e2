"""Work that one worker holds at a time, by a conditional update: the database is the truth, the broker a doorbell."""

import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Self, TypeVar

from django.db import Error, connection, models
from django.db.models import F, Q

from core import clock

PROCESS = f"{socket.gethostname()}:{os.getpid()}"
M = TypeVar("M", bound="Leased")


class TakenOver(Exception):
    """Another worker holds the row by now; what this one still had in hand is dropped."""


class LeaseQuerySet(models.QuerySet[M]):
    """Querysets of rows that are claimed before they are worked on."""

    def unheld(self, now: datetime | None = None) -> Self:
        """Rows that nobody holds at `now`."""
        return self.filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now or clock.now()))

    def held_by(self, owner: str) -> Self:
        """Rows whose lease `owner` still holds; finishing a piece of work goes through this."""
        return self.filter(lease_owner=owner)

    def claim(self, pk: Any, *, seconds: float) -> str | None:
        """Take the row for `seconds` and return the new owner's name, or None where another was faster.

        An UPDATE over joined tables finds its rows in a subquery, and PostgreSQL does not look again at that one when
        it has waited for another claim to end: two would have the row. Raises `TypeError` for such a queryset.
        """
        owner = f"{PROCESS}:{uuid.uuid4().hex[:12]}"
        now = clock.now()
        free = self.unheld(now).filter(pk=pk)
        if free.query.count_active_tables() > 1:
            raise TypeError("a claim looks at one table: ask others by a subquery")
        taken = free.update(lease_owner=owner, lease_until=now + timedelta(seconds=seconds), attempts=F("attempts") + 1)
        return owner if taken else None

    def prolong(self, owner: str, *, seconds: float) -> None:
        """Prolong the lease of `owner`, inside of the caller's transaction if there is one; raise `TakenOver`."""
        now = clock.now()
        held = self.held_by(owner).filter(lease_until__gt=now)
        if not held.update(lease_until=now + timedelta(seconds=seconds)):
            raise TakenOver

    @contextmanager
    def forgiven(self, pk: Any, owner: str) -> Iterator[None]:
        """A try that ends because the database went away is not one that the row has to answer for."""
        try:
            yield
        except Error:
            if not connection.is_usable():
                with suppress(Error):
                    connection.close()
                    self.held_by(owner).filter(pk=pk).update(attempts=F("attempts") - 1)
            raise

    def let_go(self, owner: str) -> None:
        """Give the lease back, if `owner` still holds it."""
        self.held_by(owner).update(lease_owner="", lease_until=None)


class Leased(models.Model):
    """Columns of a lease: who holds the row, until when, and how often it was begun."""

    lease_owner = models.CharField(max_length=120, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True
