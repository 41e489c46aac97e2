"""Whether the demonstration is being loaded, for the page that waits for it: a note in the cache, one at a time."""

from dataclasses import dataclass

from django.core.cache import cache

from certadmin.demonstration.loading import is_loaded

NOTE = "demonstration"
LOADING = "loading"
LONGEST_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is; `failure` says in words why it ended early."""

    is_loading: bool = False
    is_loaded: bool = False
    failure: str = ""


def begin() -> bool:
    """Note that it is being loaded; False where somebody else was faster."""
    return cache.add(NOTE, LOADING, LONGEST_SECONDS)


def end(failure: str = "") -> None:
    cache.set(NOTE, failure, LONGEST_SECONDS) if failure else cache.delete(NOTE)


def now() -> Progress:
    note = cache.get(NOTE, "")
    if note == LOADING:
        return Progress(is_loading=True)
    return Progress(is_loaded=is_loaded(), failure=note)
