"""Imports as tests make them: a file in words, handed in, looked at, and written."""

from collections.abc import Iterable

from accounts.models import User, Vendor
from gateways.models import Import
from gateways.services import imports

HEAD = "eui,name,model,tags"


def hand_in(actor: User, vendor: Vendor, text: str | bytes, *, name: str = "gateways.csv", key: str = "k") -> Import:
    content = text.encode() if isinstance(text, str) else text
    file = imports.receive(name, [content])
    return imports.begin_import(actor, vendor, file, idempotency_key=key)


def checked(
    actor: User,
    vendor: Vendor,
    text: str | bytes,
    *,
    key: str = "k",
    reads_macs: bool = False,
    updates: bool = False,
) -> Import:
    """Handed in with the columns that were guessed, and looked at."""
    made = hand_in(actor, vendor, text, key=key)
    imports.check_import(made, actor=actor, columns=made.columns, reads_macs=reads_macs, updates=updates)
    return worked_on(made)


def applied(made: Import, actor: User) -> Import:
    imports.apply_import(worked(made), actor=actor)
    return worked_on(made)


def worked_on(made: Import) -> Import:
    imports.work_on(made.pk)
    return worked(made)


def worked(made: Import) -> Import:
    """As it stands in the database."""
    return Import.objects.listed().select_related("file", "report").get(pk=made.pk)


def counts(made: Import) -> dict[str, int]:
    """Those that are not nought."""
    names = ("new", "same", "changed", "claims", "errors", "sightings")
    return {name: getattr(made, name) for name in names if getattr(made, name)}


def reasons(made: Import) -> list[tuple[int, str, str]]:
    return list(imports.problems(made))


def lines(count: int, *, first: int = 0, prefix: str = "58A0CBFFFE") -> str:
    """A file of so many gateways in the block of the first vendor."""
    rows: Iterable[str] = (f"{prefix}{number:06X},Mast {number},Type A,alpha" for number in range(first, first + count))
    return "\n".join([HEAD, *rows]) + "\n"
