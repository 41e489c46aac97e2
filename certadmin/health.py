"""The state of every part, for people, load balancers and the `up` command."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection

from audit.models import Heartbeat
from audit.services import jobs
from core import broker, clock
from core.errors import Refused
from keys import tokens
from keys.services import check_kek
from outbox.models import Message
from trust.models import Store


@dataclass(frozen=True, slots=True)
class Part:
    ok: bool
    state: str


def check() -> dict[str, Part]:
    """Ask each part. Where the database does not answer, nothing else is asked."""
    database = _database()
    if not database.ok:
        return {"database": database}
    return {
        "database": database,
        "broker": _broker(),
        "worker": _worker(),
        "schedule": _schedule(),
        "vault": _vault(),
        **_token(),
        "mail": _mail(),
        **{f"store {store.name}": _store(store) for store in Store.objects.all()},
    }


def as_json(parts: dict[str, Part]) -> dict[str, Any]:
    return {
        "ok": all(part.ok for part in parts.values()),
        "parts": {name: {"ok": part.ok, "state": part.state} for name, part in parts.items()},
    }


def _database() -> Part:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return Part(ok=False, state="does not answer")
    return Part(ok=True, state=connection.vendor)


def _broker() -> Part:
    if not broker.answers():
        return Part(ok=False, state="does not answer; work waits in the database and is found by the schedule")
    return Part(ok=True, state="answers")


def _worker() -> Part:
    """Worker and beat together: the record is sealed every few seconds, or one of them is not there."""
    beat = Heartbeat.objects.filter(job="seal the audit record").first()
    if beat is None:
        return Part(ok=False, state="has not run yet")
    age = clock.now() - beat.succeeded_at
    return Part(
        ok=age < timedelta(seconds=60 + settings.SEAL_SECONDS), state=f"last ran {age.total_seconds():.0f} s ago"
    )


def _schedule() -> Part:
    """Every job for itself: one that fails while the others run is found here."""
    silent = [job.name for job in jobs() if job.silent]
    return Part(ok=not silent, state=f"silent: {', '.join(silent)}" if silent else "every job succeeded in time")


def _vault() -> Part:
    try:
        check_kek()
    except Refused as refusal:
        return Part(ok=False, state=refusal.message)
    return Part(ok=True, state="the key-encryption key fits")


def _token() -> dict[str, Part]:
    """Nothing of a token where there is none."""
    if not tokens.offered():
        return {}
    try:
        tokens.check()
    except Refused as refusal:
        return {"token": Part(ok=False, state=refusal.message)}
    return {"token": Part(ok=True, state="answers")}


def _mail() -> Part:
    late = clock.now() - timedelta(hours=1)
    waiting = Message.objects.filter(state=Message.State.QUEUED, created_at__lt=late).count()
    return Part(ok=not waiting, state=f"{waiting} messages wait for over an hour" if waiting else "nothing waits")


def _store(store: Store) -> Part:
    is_complete = not store.complaint or store.trouble == Store.Trouble.BESIDE
    return Part(ok=is_complete, state=store.complaint or store.get_state_display())
