"""A year of looks and mails with everything that goes wrong, and a slow oracle that knows nothing of the code.

The oracle is a person with a calendar: one list of subjects, one heap of news for each reader.
"""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from smtplib import SMTPConnectError, SMTPRecipientsRefused
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

from django.core import mail

from accounts.models import Contact, Role, User, Vendor
from alerts.models import Alert, Delivery, Notice, Recipient
from alerts.services.answers import mute
from alerts.services.mailing import send_digests, send_immediate
from alerts.services.notices import look
from certificates.models import Certificate
from core import clock
from outbox.models import Message
from outbox.services import deliver_due
from tests.alerts.rows import NOW, authority, certificate, gateway

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
START = NOW.replace(year=2027)  # a year that has a 29 February in it
DAYS = {"authority": [180, 90, 60, 30, 14, 7, 3, 1, 0], "long": [90, 60, 30, 14, 7, 3, 1, 0], "short": [14, 7, 3, 1, 0]}
AT_ONCE = ("1d", "expired")
REFUSED = "gone@kestrel.example"
READERS = {  # address: whose, zone, hour
    "ines@fjordnet.example": (None, "", 7),
    "noc@fjordnet.example": (None, "Pacific/Kiritimati", 6),  # +14
    "jonas@kestrel.example": ("Kestrel Radio", "America/New_York", 2),
    REFUSED: ("Kestrel Radio", "Pacific/Pago_Pago", 23),  # -11
    "ops@ampere.example": ("Ampere", "Europe/Oslo", 7),
}


@dataclass
class Subject:
    """A life with its lines, first to last, and what is known of it."""

    name: str
    vendor: str
    start: datetime
    end: datetime
    kind: str
    pk: int
    renewed_on: int = -1  # the day of the year on which its successor is made
    successor: tuple[datetime, datetime] | None = None
    passed: int = 0
    is_live: bool = False
    closed_at: datetime | None = None
    muted_until: datetime | None = None

    @property
    def lines(self) -> list[tuple[datetime, str]]:
        life = self.end - self.start
        if self.kind == "authority" or life > 180 * DAY:
            days = DAYS["authority" if self.kind == "authority" else "long"]
            lines = [(self.end - each * DAY, f"{each}d" if each else "expired") for each in days]
        else:
            third = self.end - life / 3
            days = [each for each in DAYS["short"] if not each or self.end - each * DAY > third]
            lines = [(third, "third"), *[(self.end - each * DAY, f"{each}d" if each else "expired") for each in days]]
        return [line for line in lines if line[0] > self.start]

    def watched(self, at: datetime) -> bool:
        return self.successor is None or not self.successor[0] <= at < self.successor[1]


@dataclass
class Reader:
    """Somebody with a heap of news, one digest a day, and at most one other mail an hour."""

    email: str
    vendor: str | None
    zone: ZoneInfo
    hour: int
    heap: dict[str, str] = field(default_factory=dict)
    told: Counter[tuple[str, str]] = field(default_factory=Counter)
    last_day: date | None = None
    last_at_once: datetime | None = None

    def read(self, at: datetime, held: set[str]) -> None:
        local = at.astimezone(self.zone)
        if local.hour >= self.hour and (
            self.last_day is None or self.last_day < local.date() or self.last_day > local.date() + DAY
        ):
            self.last_day = local.date()
            self._tell([name for name in self.heap if name not in held])
        pressing = [name for name, line in self.heap.items() if line in AT_ONCE and name not in held]
        rested = self.last_at_once is None or self.last_at_once <= at - HOUR or self.last_at_once > at
        if pressing and rested:
            self.last_at_once = at
            self._tell(pressing)

    def _tell(self, names: list[str]) -> None:
        for name in names:
            self.told[name, self.heap.pop(name)] += 1


class Oracle:
    def __init__(self, subjects: list[Subject]) -> None:
        self.subjects = subjects
        zones = {email: ZoneInfo(zone or "UTC") for email, (_, zone, _) in READERS.items()}
        self.readers = [Reader(email, whose, zones[email], hour) for email, (whose, _, hour) in READERS.items()]

    def look(self, at: datetime) -> None:
        for subject in self.subjects:
            passed = sum(1 for line, _ in subject.lines if line <= at)
            asleep = subject.closed_at is not None and subject.closed_at > at
            if subject.watched(at) and passed > subject.passed and not asleep:
                subject.passed, subject.is_live, subject.closed_at = passed, True, None
                for reader in self._readers_of(subject):
                    reader.heap[subject.name] = subject.lines[passed - 1][1]
            if subject.is_live and not subject.watched(at):
                self._close(subject, at)

    def _close(self, subject: Subject, at: datetime) -> None:
        subject.is_live, subject.closed_at = False, at
        for reader in self._readers_of(subject):
            reader.heap.pop(subject.name, None)
            if any(name == subject.name for name, _ in reader.told):
                reader.heap[subject.name] = "closed"

    def read(self, at: datetime) -> None:
        held = {each.name for each in self.subjects if each.muted_until and each.muted_until > at}
        for reader in self.readers:
            reader.read(at, held)

    def _readers_of(self, subject: Subject) -> Iterator[Reader]:
        return (reader for reader in self.readers if reader.vendor in (None, subject.vendor))


class Year:
    """The product and the oracle, side by side through the same year."""

    def __init__(self, subjects: int, *, days: int = 366, seed: int = 9) -> None:
        self.dice, self.days, self.counts = random.Random(seed), days, Counter[str]()
        self.vendors = {name: Vendor.objects.get_or_create(name=name)[0] for name in ("Kestrel Radio", "Ampere")}
        self._people()
        self.by = authority(left=9000 * DAY, life=9001 * DAY + 800 * DAY)
        self.oracle = Oracle([self._subject(number) for number in range(subjects)])
        self.operator = User.objects.filter(role=Role.OPERATOR)[0]

    def run(self) -> None:
        for day in range(self.days):
            self._renew(day)
            happens = self.dice.random()
            if happens < 0.08:
                self.counts["days without beat or worker"] += 1
                continue
            at = START + day * DAY + timedelta(hours=self.dice.uniform(-12, 12))
            if happens > 0.96:
                self.counts["clock jumps"] += 1
                at += timedelta(hours=self.dice.uniform(-60, 60))
            self._mute(at)
            for _ in range(2 if 0.8 < happens < 0.9 else 1):
                self._step(at)
            with self._mail_server(is_down=self.dice.random() < 0.1), clock.at(at):
                deliver_due()
        self._deliver_the_rest()

    def check(self) -> None:
        wanted = Counter(
            {(reader.email, *news): count for reader in self.oracle.readers for news, count in reader.told.items()}
        )
        told_once = Delivery.objects.told().filter(why=Delivery.Why.CROSSING)  # beside it, what nobody answered
        rows = told_once.values_list("recipient", "notice__subject_name", "notice__threshold")
        told = Counter(rows)
        assert (told - wanted, wanted - told) == (Counter(), Counter())
        assert set(told.values()) == {1}
        keys = set(Delivery.objects.told().values_list("message_key", flat=True))
        assert keys == set(Message.objects.values_list("key", flat=True))
        assert set(Message.objects.filter(recipient=REFUSED).values_list("state", flat=True)) == {"refused"}
        assert set(Message.objects.exclude(recipient=REFUSED).values_list("state", flat=True)) == {"sent"}
        assert len(mail.outbox) == Message.objects.exclude(recipient=REFUSED).count()
        self.counts |= Counter(
            {
                "crossings": Notice.objects.crossings().count(),
                "told": sum(told.values()),
                "mails": Message.objects.count(),
                "closed": Alert.objects.exclude(state="open").count(),
                "escalated": Delivery.objects.told().filter(why=Delivery.Why.ESCALATION).count(),
                "dropped": Delivery.objects.filter(state="dropped").count(),
            }
        )

    def _step(self, at: datetime) -> None:
        with clock.at(at):
            look({})
            send_digests()
            send_immediate()
        self.oracle.look(at)
        self.oracle.read(at)

    def _subject(self, number: int) -> Subject:
        dice, left = self.dice, self.dice.uniform(-3, 480) * DAY
        name = dice.choice(list(self.vendors))
        offset = START - NOW
        if number % 25 == 0:
            life = max(dice.choice([150, 400, 3650]) * DAY, left + dice.uniform(1, 30) * DAY)
            made: Any = authority(self.vendors[name], left=left + offset, life=life)
            return Subject(made.name, name, made.not_before, made.not_after, "authority", made.pk)
        life = max(dice.choice([2, 30, 90, 179, 181, 365, 730]) * DAY, left + dice.uniform(0.1, 30) * DAY)
        of = gateway(self.vendors[name])
        made = certificate(of, self.by, left=left + offset, life=life)
        renewed = dice.randrange(self.days) if dice.random() < 0.4 else -1
        return Subject(of.eui, name, made.not_before, made.not_after, "certificate", made.pk, renewed)

    def _renew(self, day: int) -> None:
        """Those whose day it is get a successor that lasts longer than the year."""
        for subject in self.oracle.subjects:
            if subject.renewed_on == day:
                old = Certificate.objects.select_related("gateway").get(pk=subject.pk)
                start = START + day * DAY - 13 * HOUR
                left = START + 1500 * DAY - NOW
                certificate(old.gateway, self.by, left=left, life=left - (start - NOW))
                subject.successor = (start, NOW + left)
                self.counts["renewed"] += 1

    def _mute(self, at: datetime) -> None:
        if self.dice.random() > 0.1:
            return
        chosen = self.dice.choice(self.oracle.subjects)
        alerts = Alert.objects.filter(kind=chosen.kind, subject_id=chosen.pk)
        if alerts.exists():
            chosen.muted_until = at + self.dice.uniform(3, 40) * DAY
            with clock.at(at):
                mute(self.operator, alerts, until=chosen.muted_until, reason="Being replaced")
            self.counts["muted"] += 1

    def _people(self) -> None:
        for email, (whose, zone, hour) in READERS.items():
            if whose is None:
                User.objects.create_user(email, "x" * 20, name=email, role=Role.OPERATOR)
            else:
                Contact.objects.create(vendor=self.vendors[whose], name="NOC", email=email.upper())
            Recipient.objects.create(email=email, zone=zone, hour=hour)

    @contextmanager
    def _mail_server(self, *, is_down: bool) -> Iterator[None]:
        def send(_backend: object, mails: list[Any]) -> int:
            if is_down:
                raise SMTPConnectError(421, "down")
            if mails[0].to == [REFUSED]:
                raise SMTPRecipientsRefused({REFUSED: (550, b"no such mailbox")})
            mail.outbox.extend(mails)
            return len(mails)

        self.counts["days without mail"] += is_down
        with mock.patch("django.core.mail.backends.locmem.EmailBackend.send_messages", send):
            yield

    def _deliver_the_rest(self) -> None:
        with self._mail_server(is_down=False), clock.at(START + (self.days + 5) * DAY):
            while Message.objects.filter(state="queued").exists():
                deliver_due()
