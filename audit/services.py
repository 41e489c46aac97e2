"""Recording acts, and sealing what was recorded."""

from typing import Any, Protocol

from audit.models import Record


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
        actor_name=actor.name,
        action=action,
        subject_kind=subject._meta.model_name,
        subject_id=str(subject.pk),
        subject_name=str(subject)[:300],
        vendor_id=vendor_id,
        details=details,
    )
