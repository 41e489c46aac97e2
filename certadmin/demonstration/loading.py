"""Loads the demonstration into an empty desk, once. Works beside the running product."""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings

from accounts.models import Deployment, User, Vendor
from audit.models import Record
from audit.services import Machine, record, seal_pending
from certadmin.demonstration.cast import COMPANIES, PEOPLE, Person
from certadmin.demonstration.desk import Desk
from certadmin.demonstration.story import BEGIN, tell
from certadmin.demonstration.timetable import Timetable
from core import bell, clock
from core.errors import Refused

DONE = "demonstration.loaded"
BY_HAND = Machine("command", "seed_demo")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Who can sign in, and with which password."""

    people: tuple[Person, ...]
    password: str


def is_loaded() -> bool:
    return Record.objects.filter(action=DONE).exists()


def load() -> Loaded | None:
    """Load the demonstration; None where it is there already. Raises Refused on a desk that is in use."""
    if is_loaded():
        return None
    _refuse_a_desk_in_use()
    desk = Desk(settings.DEMO_PASSWORD or secrets.token_urlsafe(12))
    table = Timetable(clock.now())
    tell(desk, table)
    with bell.in_process(), long_leases():
        table.run()
    seal_pending()
    record(BY_HAND, DONE, subject=Deployment.objects.get())
    return Loaded(PEOPLE, desk.password)


def _refuse_a_desk_in_use() -> None:
    names = set(Vendor.objects.values_list("name", flat=True))
    if names & {company.name for company in COMPANIES}:
        raise Refused(
            "demonstration-unfinished",
            "A demonstration was begun here and not finished. Start again with an empty data folder (CERTADMIN_DATA).",
        )
    if names:
        raise Refused("desk-in-use", "There are vendors here already. The demonstration is for an empty trial desk.")
    refuse_taken_people(PEOPLE)


def refuse_taken_people(people: Iterable[Person]) -> None:
    """Raise where somebody of these is here already."""
    taken = User.objects.filter(email__in=[person.email for person in people]).values_list("email", flat=True)
    if taken:
        message = (
            f"The demonstration brings {taken[0]} along, who is here already. Set the desk up with another address."
        )
        raise Refused("person-taken", message)


@contextmanager
def long_leases(begin: float = BEGIN) -> Iterator[None]:
    """A lease taken in the past, `begin` days from now at most, must hold now: else a running worker would take the
    work out of our hands."""
    seconds = settings.LEASE_SECONDS
    settings.LEASE_SECONDS = int((1 - begin) * 24 * 3600)
    try:
        yield
    finally:
        settings.LEASE_SECONDS = seconds
