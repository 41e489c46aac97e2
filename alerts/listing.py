"""What the alerts page shows of each notice: its subject, what breaks, and whether people were told."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F
from django.urls import reverse

from alerts.models import Delivery, Notice
from certificates.models import Certificate
from gateways.models import Gateway
from outbox.models import Message

STATES = {
    Message.State.SENT: ("good", "mailed"),
    Message.State.QUEUED: ("info", "queued"),
    Message.State.REFUSED: ("bad", "refused"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """The state of the mails about one notice: `4 mailed`, `1 refused`."""

    tone: str
    words: str


@dataclass(frozen=True, slots=True)
class Row:
    """One alert as a person scans it."""

    notice: Notice
    url: str
    label: str
    threshold: str
    breaks: str
    told: tuple[Told, ...]

    @property
    def is_gateway(self) -> bool:
        return self.notice.subject_kind == Notice.Kind.CERTIFICATE


def rows(notices: Sequence[Notice], now: datetime) -> list[Row]:
    """Return the rows of a page, with a fixed number of queries."""
    gateways = _gateways_of(_ids(notices, Notice.Kind.AUTHORITY))
    labels = _labels_of(_ids(notices, Notice.Kind.CERTIFICATE))
    told = _told([notice.pk for notice in notices])
    return [_row(notice, now, gateways, labels, told.get(notice.pk, ())) for notice in notices]


def _ids(notices: Iterable[Notice], kind: str) -> list[int]:
    return [notice.subject_id for notice in notices if notice.subject_kind == kind]


def _gateways_of(authority_ids: Sequence[int]) -> dict[int, int]:
    present = Gateway.objects.filter(current_authority__in=authority_ids).order_by()
    return {pk: count for pk, count in present.values_list("current_authority").annotate(Count("pk")) if pk}


def _labels_of(certificate_ids: Sequence[int]) -> dict[int, str]:
    """The names of gateways; of those that moved on, none: it is the new vendor's."""
    theirs = Certificate.objects.filter(pk__in=certificate_ids, vendor=F("gateway__vendor"))
    return dict(theirs.values_list("pk", "gateway__name"))


def _told(notice_ids: Sequence[int]) -> dict[int, tuple[Told, ...]]:
    pairs = list(Delivery.objects.filter(notice__in=notice_ids).values_list("notice", "message_key"))
    states = dict(Message.objects.filter(key__in={key for _, key in pairs}).values_list("key", "state"))
    counted: dict[int, Counter[str]] = defaultdict(Counter)
    for notice_id, key in pairs:
        counted[notice_id][states.get(key, Message.State.QUEUED)] += 1
    return {pk: _in_words(counts) for pk, counts in counted.items()}


def _in_words(counts: Counter[str]) -> tuple[Told, ...]:
    return tuple(Told(tone, f"{counts[state]} {word}") for state, (tone, word) in STATES.items() if counts[state])


def _row(
    notice: Notice, now: datetime, gateways: dict[int, int], labels: dict[int, str], told: tuple[Told, ...]
) -> Row:
    over = notice.not_after <= now
    if notice.subject_kind == Notice.Kind.AUTHORITY:
        url, label = reverse("cas:detail", args=[notice.subject_id]), ""
        breaks = _authority_breaks(gateways.get(notice.subject_id, 0), over=over)
    elif notice.subject_kind == Notice.Kind.SERVER:
        url, label = reverse("certificates:server", args=[notice.subject_id]), ""
        breaks = "Nobody connects until it is renewed" if over else "Nobody connects from its end on"
    else:
        url, label = reverse("certificates:detail", args=[notice.subject_id]), labels.get(notice.subject_id, "")
        breaks = "Refused until it is renewed" if over else "Refused from its end on"
    return Row(notice, url, label, threshold_in_words(notice.threshold), breaks, told)


def _authority_breaks(count: int, *, over: bool) -> str:
    if not count:
        return "No gateway depends on it"
    return f"{count:,} gateway{'' if count == 1 else 's'} {'off the air' if over else 'with it'}"


def threshold_in_words(threshold: str) -> str:
    """`90d` as `90 days`, `third` as `a third of its life`."""
    named = {"expired": "ended", "third": "a third of its life"}
    days = threshold.removesuffix("d")
    return named.get(threshold) or f"{days} day{'' if days == '1' else 's'}"
