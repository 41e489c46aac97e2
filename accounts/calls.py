"""How many calls a token has left in this minute, without asking the database at each.

A web process takes a few of the minute's calls for itself, by a conditional update, and gives them out from memory.
Together the processes never give out more than the limit; what one took and nobody asked it for is lost.
"""

from dataclasses import dataclass
from threading import Lock

from django.conf import settings

from accounts.models import ApiToken
from accounts.services.api_tokens import take_calls
from core import clock

SHARE = 50  # of the limit, taken at a time


@dataclass(slots=True)
class _Hand:
    """What this process has in hand of one minute's calls."""

    minute: int
    calls: int
    others: int  # that nobody had taken when it was last asked


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether the call may be made, how many more may, and in how many seconds the next minute begins."""

    allowed: bool
    limit: int
    remaining: int
    reset: int


class Calls:
    """Of one process; its threads share it."""

    def __init__(self) -> None:
        self._hands: dict[int, _Hand] = {}
        self._lock = Lock()

    def forget(self) -> None:
        self._hands.clear()

    def take(self, token: ApiToken) -> Taken:
        limit: int = settings.API_CALLS_PER_MINUTE
        minute, second = divmod(int(clock.now().timestamp()), 60)
        with self._lock:
            hand = self._hands.get(token.pk)
            if hand is None or hand.minute != minute or (hand.calls < 1 and hand.others > 0):
                hand = self._hands[token.pk] = _take(token, minute, limit)
            allowed = hand.calls > 0
            hand.calls -= allowed
            return Taken(allowed, limit, hand.calls + hand.others, 60 - second)


def _take(token: ApiToken, minute: int, limit: int) -> _Hand:
    got, others = take_calls(token, minute, wanted=max(1, limit // SHARE), most=limit)
    return _Hand(minute, got, others)


CALLS = Calls()
