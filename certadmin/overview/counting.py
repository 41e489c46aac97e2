"""What the overview counts over the whole fleet. A small one is counted when the page is asked for. Of a large one the
schedule counts every few minutes, the page shows that, and says how old it is: nothing is counted that is not true, and
nobody waits for it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.core.serializers.json import DjangoJSONEncoder

from accounts.models import User
from certadmin.overview import access
from certadmin.overview.fleet import Fleet, Part, fleet
from certadmin.overview.forecast import End, Forecast, Week, forecast
from certadmin.overview.todo import Finder, Todo
from core import clock
from gateways.models import Gateway

LARGE = 5_000  # gateways; fewer are counted in some 30 ms
STALE = timedelta(minutes=30)  # older counts are not shown: then the schedule does not run, and the page counts
LATELY = timedelta(days=7)
FINDERS: tuple[Finder, ...] = (  # those that look at every gateway or certificate
    access.lost,
    access.authorities,
    access.untrusted,
    access.certificates,
    access.without_certificate,
)


@dataclass(frozen=True, slots=True)
class Counted:
    """How everything stood at `at`, for one role or vendor. `todos` are by the names of their finders."""

    at: datetime
    fleet: Fleet
    forecast: Forecast
    todos: dict[str, list[Todo]]
    is_kept: bool = False


def counted(user: User, now: datetime) -> Counted:
    """What `user` may see, counted now or some minutes ago."""
    if not is_large(user):
        return count(user, now)
    kept = _read(cache.get(_key(user)))
    return kept if kept and now - STALE < kept.at <= now else keep(user, now)


def count(user: User, now: datetime) -> Counted:
    """Look at every gateway and certificate."""
    return Counted(now, fleet(user, now), forecast(user, now), {each.__name__: each(user, now) for each in FINDERS})


def keep(user: User, now: datetime) -> Counted:
    """Count, and write it down for everybody who sees the same."""
    found = count(user, now)
    words = {
        "at": now,
        "fleet": asdict(found.fleet),
        "weeks": [asdict(week) for week in found.forecast.weeks],
        "authorities": [asdict(end) for end in found.forecast.authorities],
        "mostly": found.forecast.mostly,
        "todos": {name: [asdict(todo) for todo in todos] for name, todos in found.todos.items()},
    }
    cache.set(_key(user), json.dumps(words, cls=DjangoJSONEncoder), timeout=2 * STALE.total_seconds())
    return found


def is_large(user: User) -> bool:
    return Gateway.objects.visible_to(user).order_by("eui")[LARGE : LARGE + 1].exists()


def watchers(now: datetime) -> Iterator[User]:
    """One person of each role and vendor that came lately, where there is much to count."""
    seen: set[str] = set()
    people = User.objects.filter(is_active=True, last_login__gt=now - LATELY).select_related("vendor").order_by("pk")
    for user in people:
        if _key(user) not in seen:
            seen.add(_key(user))
            if is_large(user):
                yield user


def remember(finder: Finder, kept: Counted) -> Finder:
    """The finder, or one that gives what it found when all was counted."""
    if finder not in FINDERS:
        return finder
    found = kept.todos.get(finder.__name__, [])
    answer: Callable[[User, datetime], list[Todo]] = lambda _user, _now: found  # noqa: E731  handed on as it is
    return answer


def _key(user: User) -> str:
    return f"overview:{user.role}:{user.vendor_id or ''}"


def _read(words: str | None) -> Counted | None:
    """What `keep` wrote; None for nothing, and for what another version of the product wrote."""
    if not words:
        return None
    try:
        return _understood(json.loads(words))
    except (KeyError, TypeError, ValueError):
        return None


def _understood(kept: dict[str, Any]) -> Counted:
    weeks = tuple(Week(_instant(each["start"]), each["issued"], each["recorded"]) for each in kept["weeks"])
    ends = tuple(End(**{**each, "at": _instant(each["at"])}) for each in kept["authorities"])
    parts = tuple(Part(**each) for each in kept["fleet"]["parts"])
    todos = {name: [Todo(**each) for each in found] for name, found in kept["todos"].items()}
    whole = Fleet(**{**kept["fleet"], "parts": parts})
    return Counted(_instant(kept["at"]), whole, Forecast(weeks, ends, kept["mostly"]), todos, is_kept=True)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def recount() -> int:
    """Count anew for everybody who may look; returns how many counts that were."""
    return len([keep(user, clock.now()) for user in watchers(clock.now())])
