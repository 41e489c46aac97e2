"""What does not answer for a day: the mail server, or beat. The clock is set forward, and everything else is real."""

import shelve
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from tests.faults import reader
from tests.faults.deployment import Deployment
from tests.faults.interruptions import BREAKING
from tests.outbox.servers import Box, mail_server
from tests.servers import free_port, wait_until

LIFE = timedelta(days=365)  # of the certificates that `acts.request` asks for
CERTIFICATES = 2
LOOK, SWEEP = "send due notices", "sweep the outbox"  # jobs of the schedule

SILENT = "has not succeeded in time"  # that the hands of a clock were moved on looks like jobs that did not run


def smtp_away(desk: Deployment, count: int) -> None:
    """Nobody answers for a day, then somebody who refuses one of `count` recipients for good: the others get each mail
    once."""
    port, clock, people = free_port(), _Clock(desk), _issued_and_watched_by(desk, count)
    clock.before_the_end(days=8.5)  # the 14 days are crossed, and a day later the 7 are not
    for name in ("worker", "worker", "beat"):
        desk.start(name, extra=clock.environment(port))
    everybody = len(people) + 1
    wait_until(lambda: _mails(desk, "queued", tried=1) > 0, what="a try", seconds=40)
    clock.forward(days=1)
    wait_until(lambda: _mails(desk, "queued", tried=2) > 0, what="another try")
    assert _mails(desk) == _mails(desk, "queued") == everybody, "a mail was given up, doubled or lost"
    with mail_server(port) as box:
        box.answers[people[0]] = "550 nobody of that name"
        clock.forward(hours=1.1)  # longer than the longest pause between two tries
        wait_until(lambda: _mails(desk, "queued") == 0, what="the mails", seconds=40)
        _nothing_comes_twice(desk, clock, box)
        told = [str(each["To"]) for each in box.mails if SILENT not in str(each["Subject"])]
        assert sorted(told) == sorted([*people[1:], "operator@example.net"])
    assert desk.rows("SELECT recipient, attempts FROM outbox_message WHERE state = 'refused'")[0][0] == people[0]
    _notices_are(desk, ["14d"])
    _end(desk)


def beat_dead(desk: Deployment, count: int) -> None:
    """In a day without beat two thresholds are crossed: two beats come back, and each person is told the newest."""
    port, clock = free_port(), _Clock(desk)
    people = _issued_and_watched_by(desk, count)
    clock.before_the_end(days=25 / 24)
    with mail_server(port) as box:
        desk.start("worker", extra=clock.environment(port))
        beat = desk.start("beat", folder="beat", extra=clock.environment(port))
        wait_until(lambda: len(box.mails) == len(people) + 1, what="the first mails", seconds=40)
        _notices_are(desk, ["3d"])
        wait_until(lambda: _beat_of(desk, SWEEP) is not None, what="the schedule", seconds=40)
        desk.kill(beat)
        clock.forward(hours=26)  # a day is left, then none: two thresholds
        _age(desk.folder / "beat" / "beat-schedule", timedelta(hours=26))
        shutil.copytree(desk.folder / "beat", desk.folder / "beat-2")
        looked = _beat_of(desk, LOOK)
        for folder in ("beat", "beat-2"):
            desk.start("beat", folder=folder, extra=clock.environment(port))
        wait_until(lambda: _beat_of(desk, LOOK) != looked, what="the catch-up", seconds=40)
        wait_until(lambda: _mails(desk, "sent") == 2 * (len(people) + 1), what="the mails")
        _nothing_comes_twice(desk, clock, box)
        assert box.recipients() == sorted([*people, "operator@example.net"] * 2)
    _notices_are(desk, ["3d", "expired"])
    _end(desk)


class _Clock:
    """How far the product's processes are ahead of ours."""

    def __init__(self, desk: Deployment) -> None:
        self.file = desk.folder / "ahead"
        self.set(timedelta(0))

    def set(self, ahead: timedelta) -> None:
        self.ahead = ahead
        part = self.file.with_suffix(".part")
        part.write_text(str(ahead.total_seconds()))
        part.rename(self.file)

    def before_the_end(self, *, days: float) -> None:
        self.set(LIFE - timedelta(days=days))

    def forward(self, **span: float) -> None:
        self.set(self.ahead + timedelta(**span))

    def environment(self, port: int) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": BREAKING,
            "CERTADMIN_FAULT_CLOCK": str(self.file),
            "CERTADMIN_SMTP_URL": f"smtp://127.0.0.1:{port}",
        }


def _issued_and_watched_by(desk: Deployment, count: int) -> list[str]:
    """Certificates, and the addresses of those who are told of their end, beside the operator."""
    people: list[str] = desk.act("people", count)
    desk.act("request", 0, CERTIFICATES)
    desk.act("sweep_once")
    desk.settle()
    return people


def _nothing_comes_twice(desk: Deployment, clock: _Clock, box: Box) -> None:
    """The schedule looks again, the outbox is swept again, and no mail is new."""
    before = len(box.mails)
    desk.act_with(clock.environment(box.port), "look_for_ends")
    swept = _beat_of(desk, SWEEP)
    wait_until(lambda: _beat_of(desk, SWEEP) != swept, what="another sweep", seconds=40)
    new = [str(each["Subject"]) for each in box.mails[before:]]
    assert not [subject for subject in new if SILENT not in subject], new
    assert len(set(box.ids())) == len(box.mails)


def _notices_are(desk: Deployment, thresholds: list[str]) -> None:
    """Of each certificate exactly these."""
    found = desk.rows(
        "SELECT threshold, count(*), count(DISTINCT subject_id) FROM alerts_notice "
        "WHERE subject_kind = 'certificate' GROUP BY threshold"
    )
    assert sorted(found) == [(each, CERTIFICATES, CERTIFICATES) for each in sorted(thresholds)]


def _end(desk: Deployment) -> None:
    reader.check(desk, issued=CERTIFICATES)


def _mails(desk: Deployment, state: str = "", *, tried: int = 0) -> int:
    where = "state LIKE %s AND attempts >= %s AND (last_answer <> '' OR %s = 0)"
    return desk.number(f"SELECT count(*) FROM outbox_message WHERE {where}", state or "%", tried, tried)


def _beat_of(desk: Deployment, job: str) -> datetime | None:
    """When the job last succeeded."""
    found = desk.rows("SELECT succeeded_at FROM audit_heartbeat WHERE job = %s", job)
    return found[0][0] if found else None


def _age(schedule: Path, by: timedelta) -> None:
    """Beat keeps when it last rang for each job: let that be longer ago."""
    with shelve.open(str(schedule), writeback=True) as kept:
        for entry in kept["entries"].values():
            entry.last_run_at -= by
