"""Calling the endpoints: each by its own line, so that who is slow holds nobody else up.

A delivery is claimed by a lease, sent, and marked only by who still holds it. Where a worker dies between the two, the
event is sent again under the same webhook-id, by which a receiver recognises the second copy.
"""

import logging
import time
from collections import deque
from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import F

from audit.services import SYSTEM, record
from core import clock
from core.logs import one_line
from core.outgoing import NoAnswer, send
from outbox import signing
from outbox.models import Endpoint, HookDelivery

log = logging.getLogger(__name__)

CALL_SECONDS = 10.0
RUN_SECONDS = 20.0  # then the next run goes on
AT_ONCE = 8
BATCH = 50
BACK_OFF_MINUTES = (1, 5, 15, 60, 180, 360, 720)
REST_MINUTES = (1, 5, 15, 60)  # after which an endpoint that cannot be reached is tried with whatever waits
MANY_FAILURES = 5  # one after the other: then it rests, whatever it answers
PATIENCE = timedelta(days=3)
ANSWER_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: a status and the beginning of the body, or why there is none."""

    status: int | None
    words: str
    took_ms: int

    @property
    def is_yes(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class _Call:
    """All that a thread needs: it never touches the database."""

    delivery: HookDelivery
    owner: str
    url: str
    headers: dict[str, str]
    private: Collection[str] | None


def call_due(seconds: float = RUN_SECONDS) -> int:
    """Send what is due and return how much was taken. Two runs at once share the work."""
    lines = {pk: deque[int]() for pk in Endpoint.objects.rested().values_list("pk", flat=True)}
    end, delivered = time.monotonic() + seconds, 0
    busy: dict[Future[Reply], _Call] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while True:
            for call in _next_calls(lines, busy.values()) if time.monotonic() < end else ():
                busy[pool.submit(_post, call)] = call
            if not busy:
                return delivered
            done, _ = wait(busy, return_when=FIRST_COMPLETED)
            for future in done:
                call, reply = busy.pop(future), future.result()
                delivered += note(call.delivery, call.owner, reply)
                if not reply.is_yes and not Endpoint.objects.rested().filter(pk=call.delivery.endpoint_id).exists():
                    lines.pop(call.delivery.endpoint_id, None)


def _next_calls(lines: dict[int, deque[int]], busy: Collection[_Call]) -> list[_Call]:
    """The next of each endpoint that is not being called, as many as there is room for."""
    called, found = {call.delivery.endpoint_id for call in busy}, list[_Call]()
    for endpoint_id in list(lines):
        if len(found) + len(called) >= AT_ONCE:
            break
        if endpoint_id not in called and (call := _next_of(lines, endpoint_id)):
            found.append(call)
    return found


def _next_of(lines: dict[int, deque[int]], endpoint_id: int) -> _Call | None:
    line = lines[endpoint_id]
    if not line:
        due = HookDelivery.objects.due().filter(endpoint_id=endpoint_id).order_by("next_attempt_at", "pk")
        line.extend(due.values_list("pk", flat=True)[:BATCH])
    while line:
        pk = line.popleft()
        owner = HookDelivery.objects.due().claim(pk, seconds=settings.LEASE_SECONDS)
        delivery = HookDelivery.objects.select_related("endpoint").filter(pk=pk).first() if owner else None
        if owner and delivery:
            return _prepare(delivery, owner)
    del lines[endpoint_id]
    return None


def _prepare(delivery: HookDelivery, owner: str) -> _Call:
    endpoint = delivery.endpoint
    return _Call(delivery, owner, endpoint.url, headers_of(delivery), private_hosts(endpoint.vendor_id))


def headers_of(delivery: HookDelivery) -> dict[str, str]:
    """Signed now: the receiver refuses what is old."""
    endpoint = delivery.endpoint
    keys = [(endpoint.uuid, rotation) for rotation in endpoint.rotations]
    return signing.headers(delivery.payload.encode(), hook_id=delivery.hook_id, at=clock.now(), keys=keys)


def private_hosts(vendor_id: int | None) -> Collection[str] | None:
    """A vendor's webhook reaches no private address, not even one that operators allowed for their stores."""
    return None if vendor_id is None else ()


def _post(call: _Call) -> Reply:
    return post(call.url, call.headers, call.delivery.payload.encode(), call.private)


def post(url: str, headers: dict[str, str], body: bytes, private: Collection[str] | None) -> Reply:
    """Send it and return the answer, whatever it is."""
    begun = time.monotonic()
    try:
        answer = send(
            "POST", url, headers=headers, body=body, seconds=CALL_SECONDS, private=private, keep=ANSWER_LENGTH
        )
    except NoAnswer as error:
        return Reply(None, error.message[:ANSWER_LENGTH], _ms(begun))
    except Exception:  # one endpoint, whatever it does, never ends the calls of the others
        log.exception("A webhook at %s could not be called", urlsplit(url).hostname)
        return Reply(None, "It could not be called; the log of this desk says why.", _ms(begun))
    words = answer.body.decode(errors="replace").replace("\0", "�").strip()
    return Reply(answer.status, one_line(" ".join(words.split()))[:ANSWER_LENGTH], _ms(begun))


def _ms(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)


def note(delivery: HookDelivery, owner: str, reply: Reply) -> bool:
    """Write down what came back, if the delivery is still ours; tell whether it was taken."""
    held = HookDelivery.objects.held_by(owner).filter(pk=delivery.pk)
    said = {"status": reply.status, "answer": reply.words, "took_ms": reply.took_ms, "lease_until": None}
    with transaction.atomic():
        if reply.is_yes:
            if held.update(state=HookDelivery.State.DELIVERED, delivered_at=clock.now(), **said):
                note_well(delivery.endpoint_id)
                return True
            return False
        wait_for = timedelta(minutes=_step(BACK_OFF_MINUTES, delivery.attempts))
        again = clock.now() + wait_for
        is_over = again > delivery.begun_at + PATIENCE
        changes = {"state": HookDelivery.State.FAILED} if is_over else {"next_attempt_at": again}
        if held.update(**said, **changes):
            _failed(delivery, reply, is_over=is_over)
    return False


def note_well(endpoint_id: int) -> None:
    """After a failure whatever waits is sent now: the endpoint is there again."""
    failed = Endpoint.objects.filter(pk=endpoint_id, failures__gt=0)
    if failed.update(failures=0, failing_since=None, gave_up_at=None, rests_until=None):
        waiting = HookDelivery.objects.filter(endpoint_id=endpoint_id, state=HookDelivery.State.WAITING)
        waiting.update(next_attempt_at=clock.now())


def _failed(delivery: HookDelivery, reply: Reply, *, is_over: bool) -> None:
    now, mine = clock.now(), Endpoint.objects.filter(pk=delivery.endpoint_id)
    mine.update(failures=F("failures") + 1)
    mine.filter(failing_since__isnull=True).update(failing_since=now)
    failures = mine.values_list("failures", flat=True).first() or 1
    if reply.status is None or failures >= MANY_FAILURES:
        mine.update(rests_until=now + timedelta(minutes=_step(REST_MINUTES, failures)))
    if is_over and mine.filter(gave_up_at__isnull=True).update(gave_up_at=now):
        endpoint = mine.get()
        record(SYSTEM, "webhook.failing", subject=endpoint, vendor_id=endpoint.vendor_id, answer=_in_words(reply))
    log.warning("Webhook %s of %s was not taken: %s", delivery.hook_id, delivery.endpoint_id, _in_words(reply))


def _in_words(reply: Reply) -> str:
    return f"{reply.status} {reply.words}".strip() if reply.status else reply.words


def _step(steps: tuple[int, ...], attempts: int) -> int:
    return steps[min(max(attempts, 1), len(steps)) - 1]
