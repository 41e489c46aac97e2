"""Writing one act into the record."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from audit.models import Record
from core import bulk

COLUMNS = (
    "actor_kind", "actor_id", "actor_name", "action", "subject_kind", "subject_id", "subject_name", "vendor_id",
    "details",
)  # fmt: skip


_means: ContextVar[dict[str, str]] = ContextVar("means", default={})  # noqa: B039  never changed, only replaced


@contextmanager
def through(**means: str) -> Iterator[None]:
    """What is recorded inside the block says by which means it was done, as a token of the API."""
    token = _means.set(means)
    try:
        yield
    finally:
        _means.reset(token)


class Actor(Protocol):
    """Who acts: a person of `accounts`, or one of the values below."""

    @property
    def pk(self) -> Any: ...
    @property
    def role(self) -> str: ...
    @property
    def name(self) -> str: ...


class Machine:
    """An actor that is no person: the schedule, or a command at the console."""

    pk = None

    def __init__(self, role: str, name: str) -> None:
        self.role = role
        self.name = name


SYSTEM = Machine("system", "certadmin")


def record(
    actor: "Actor | Machine",
    action: str,
    *,
    subject: Any,
    vendor_id: int | None = None,
    **details: Any,
) -> Record:
    """Write one act into the caller's transaction. `subject` is the row that it is about."""
    return Record.objects.create(
        actor_kind=actor.role,
        actor_id=actor.pk,
        actor_name=_storable(actor.name)[:200],
        action=action,
        subject_kind=subject._meta.model_name,
        subject_id=str(subject.pk),
        subject_name=_storable(str(subject))[:300],
        vendor_id=vendor_id,
        details=_storable({**details, **_means.get()}),
    )


@dataclass(frozen=True, slots=True)
class Act:
    """What `record_many` writes down of one row: its kind, its id, what it is called, whose it is, and details."""

    subject_kind: str
    subject_id: int
    subject_name: str
    vendor_id: int | None
    details: dict[str, Any]


def record_many(actor: "Actor | Machine", action: str, acts: Iterable[Act]) -> None:
    """Write the same act about many rows into the caller's transaction, each as its own record."""
    who, means = (actor.role, actor.pk, _storable(actor.name)[:200], action), _means.get()
    rows = (
        (
            *who,
            act.subject_kind,
            str(act.subject_id),
            _storable(act.subject_name)[:300],
            act.vendor_id,
            _storable({**act.details, **means}),
        )
        for act in acts
    )
    bulk.insert(Record, COLUMNS, rows)


def _storable(value: Any) -> Any:
    """Replace what no database column takes: NUL and halves of surrogate pairs, out of some uploaded name."""
    if isinstance(value, str):
        return value.replace("\0", "�").encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_storable(str(key)): _storable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(each) for each in value]
    return value
