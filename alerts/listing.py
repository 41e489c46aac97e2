"""What the alerts page shows of each alert: its subject, what breaks, who still comes by, and who was told."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F

from accounts.models import Contact, User
from alerts import reachability
from alerts.models import Alert, AlertQuerySet, Delivery, DeliveryQuerySet, Kind
from alerts.subjects import breaks, threshold_in_words
from core.counting import Counted, count
from outbox.models import Message

MAILED, QUEUED, REFUSED, PENDING, STOPPED = "mailed", "queued", "refused", "waiting", "unwanted"
TONES = {MAILED: "good", QUEUED: "info", REFUSED: "bad", PENDING: "idle", STOPPED: "idle"}
OF_MESSAGES = {"sent": MAILED, "queued": QUEUED, "refused": REFUSED, "stopped": STOPPED}  # by the states of messages
STATE_TONES = {"open": "warn", "acknowledged": "info", "snoozed": "idle", "closed": "good"}


@dataclass(frozen=True, slots=True)
class Told:
    """The state of the mails about one crossing: `4 mailed`, `1 refused`."""

    tone: str
    words: str


@dataclass(frozen=True, slots=True)
class Row:
    """One alert as a person scans it."""

    alert: Alert
    threshold: str
    breaks: str
    reach: str
    told: tuple[Told, ...]

    @property
    def is_gateway(self) -> bool:
        return self.alert.kind == Kind.CERTIFICATE

    @property
    def tone(self) -> str:
        return STATE_TONES[self.alert.state]


@dataclass(frozen=True, slots=True)
class Tab:
    """The alerts of one state: how many match the filter."""

    state: str
    label: str
    counted: Counted
    is_shown: bool

    @property
    def count(self) -> int:
        return self.counted.number


def tabs(alerts: AlertQuerySet, shown: str) -> list[Tab]:
    """A tab for each state, each counted in a moment."""
    return [
        Tab(state.value, str(state.label), count(alerts.filter(state=state)), state.value == shown)
        for state in Alert.State
    ]


def rows(alerts: Sequence[Alert], user: User, now: datetime) -> list[Row]:
    """Return the rows of a page, with a fixed number of queries."""
    with_authorities = [alert for alert in alerts if alert.kind == Kind.AUTHORITY]
    ends = {alert.authority_id: alert.not_after for alert in with_authorities if alert.authority_id}
    shares = reachability.by_authority(user, ends)
    of_gateways = [alert for alert in alerts if alert.kind == Kind.CERTIFICATE]
    reaches = reachability.reaches({a.gateway_id: a.not_after for a in of_gateways if a.gateway_id}, now)
    told = _told(alerts, user)
    return [_row(alert, shares, reaches, told) for alert in alerts]


def _row(
    alert: Alert,
    shares: Mapping[int, tuple[int, int, int]],
    reaches: Mapping[int, reachability.Reach],
    told: Mapping[int, tuple[Told, ...]],
) -> Row:
    total, late, _ = shares.get(alert.authority_id or 0, (0, 0, 0))
    words = ""
    if not alert.is_over and alert.state != Alert.State.CLOSED:
        reach = reaches.get(alert.gateway_id or 0) if alert.kind == Kind.CERTIFICATE else None
        words = _authority_reach(late) if alert.kind == Kind.AUTHORITY else _gateway_reach(reach)
    return Row(alert, threshold_in_words(alert.threshold), breaks(alert, total), words, told.get(alert.pk, ()))


def _authority_reach(late: int) -> str:
    return f"{late:,} will not check in before" if late else ""


def _gateway_reach(reach: reachability.Reach | None) -> str:
    return "Will not check in before" if reach and reach.comes is False else ""


def _told(alerts: Iterable[Alert], user: User) -> dict[int, tuple[Told, ...]]:
    """Of the newest crossing of each."""
    newest = Delivery.objects.filter(
        notice__alert__in=[alert.pk for alert in alerts],
        notice__threshold=F("notice__alert__threshold"),
        notice__round=F("notice__alert__round"),
    ).exclude(state=Delivery.State.DROPPED)
    rows = list(meant_for(user, newest).values_list("notice__alert", "message_key"))
    states = dict(Message.objects.filter(key__in={key for _, key in rows if key}).values_list("key", "state"))
    counted: dict[int, Counter[str]] = defaultdict(Counter)
    for pk, key in rows:
        counted[pk][_word(key, states)] += 1
    return {pk: _in_words(counts) for pk, counts in counted.items()}


def _word(key: str, states: Mapping[str, str]) -> str:
    return OF_MESSAGES[states.get(key, Message.State.SENT)] if key else PENDING


def _in_words(counts: Counter[str]) -> tuple[Told, ...]:
    return tuple(Told(tone, f"{counts[word]} {word}") for word, tone in TONES.items() if counts[word])


def meant_for(user: User, deliveries: DeliveryQuerySet) -> DeliveryQuerySet:
    """What a person may know of who is told: a vendor's person of the vendor's own people and contacts."""
    if user.sees_all:
        return deliveries
    people = User.objects.filter(vendor=user.vendor_id).values_list("email", flat=True)
    contacts = Contact.objects.filter(vendor=user.vendor_id).values_list("email", flat=True)
    return deliveries.filter(recipient__in={address.lower() for address in (*people, *contacts)})
