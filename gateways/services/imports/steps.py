"""What people do with an import, from handing a file in to saying that its gateways shall be written."""

from collections.abc import Mapping

from django.db import IntegrityError, transaction

from accounts.models import User, Vendor
from audit.services import record
from core import clock
from core.errors import Forbidden, Refused, TooMany
from gateways.models import Import, WorkFile
from gateways.services.imports.columns import EUI, OF_SIGHTINGS, guess, sample_of, usable
from gateways.services.imports.tables import open_table
from gateways.services.imports.work_store import Reader, forget, forget_old
from gateways.services.limits import refuse_foreign

State = Import.State
MOST_OPEN = 5  # imports of one vendor that wait or run
TOO_LATE = "Nobody went on with it within a day, so its file was deleted. Nothing was written."


def begin_import(actor: User, vendor: Vendor, file: WorkFile, *, idempotency_key: str) -> Import:
    """Hand in a file that was received. Its columns are guessed; nothing else happens before `check_import`.

    The same `idempotency_key` gives the same import, however often it is sent. Where it is refused, the file is gone.
    """
    try:
        refuse_foreign(actor, vendor)
        if actor.role == "auditor":
            raise Forbidden("not-for-your-role", "Your role cannot do this. Ask an operator.")
        found = _found(vendor, file, idempotency_key)
        if found is None:
            _refuse_many(vendor)
            return _begin(actor, vendor, file, idempotency_key)
    except BaseException:
        forget(file)
        raise
    forget(file)
    return found


def check_import(
    made: Import, *, actor: User, columns: Mapping[str, int], reads_macs: bool = False, updates: bool = False
) -> Import:
    """Look at every line, with these columns. Ring `gateways.tasks.work_on_import` afterwards."""
    _refuse_others(made, actor)
    if EUI not in columns:
        raise Refused("eui-column-needed", "Say which column has the EUIs.", field=EUI)
    if len(set(columns.values())) < len(columns):
        raise Refused("column-twice", "Two fields come from one column. Choose another one, or none.")
    if not actor.is_operator and set(columns) & set(OF_SIGHTINGS):
        raise Refused("not-for-your-role", "Only an operator says where gateways were seen.", field="seen")
    chosen = {"columns": dict(columns), "reads_macs": reads_macs, "updates": updates}
    return _move(made, [State.UPLOADED], state=State.CHECKING, **chosen, **_started())


def choose_again(made: Import, *, actor: User) -> Import:
    """Back to the columns, once the report was seen."""
    _refuse_others(made, actor)
    if made.probed and not actor.is_operator:
        words = "Some lines lie outside of your blocks, and are answered once. Cancel, and hand the file in again."
        raise Refused("import-answered", words)
    with transaction.atomic():
        moved = _move(made, [State.CHECKED], state=State.UPLOADED, report=None, notice="", ended_at=None)
        if made.report:
            forget(made.report)
    return moved


def apply_import(made: Import, *, actor: User) -> Import:
    """Write what the report promised. Ring `gateways.tasks.work_on_import` afterwards."""
    _refuse_others(made, actor)
    if made.made_by.is_operator and not actor.is_operator:
        raise Forbidden("not-for-your-role", "An operator handed this in, and says whether it is written.")
    if not made.writes:
        raise Refused("nothing-to-import", "No line of this file changes anything.")
    return _move(made, [State.CHECKED], state=State.APPLYING, applied_by=actor, notice="", **_started())


def cancel_import(made: Import, *, actor: User) -> Import:
    """Stop it, wherever it is: nothing of it is written, and its file is deleted."""
    _refuse_others(made, actor)
    with transaction.atomic():
        moved = _move(made, list(Import.OPEN), state=State.CANCELLED, ended_at=clock.now())
        record(actor, "import.cancelled", subject=made, vendor_id=made.vendor_id)
        forget(*filter(None, (made.file, made.report)))
    return moved


def expire_imports() -> None:
    """Let go of files that were kept long enough; what waited for somebody is over then."""
    waiting = Import.objects.filter(state__in=[State.UPLOADED, State.CHECKED], file__in=WorkFile.objects.over())
    waiting.update(state=State.CANCELLED, failure=TOO_LATE, ended_at=clock.now())
    forget_old()


def _begin(actor: User, vendor: Vendor, file: WorkFile, idempotency_key: str) -> Import:
    columns = _guessed(file)
    made = Import(
        vendor=vendor,
        idempotency_key=_key(vendor, idempotency_key),
        file=file,
        name=file.name,
        size=file.size,
        sha256=file.sha256,
        columns=columns if actor.is_operator else {k: v for k, v in columns.items() if k not in OF_SIGHTINGS},
        made_by=actor,
    )
    try:
        with transaction.atomic():
            made.save(force_insert=True)
            record(actor, "import.made", subject=made, vendor_id=vendor.pk, file=file.name, sha256=file.sha256)
    except IntegrityError:
        found = _found(vendor, file, idempotency_key)
        if found is None:
            raise
        forget(file)
        return found
    return made


def _guessed(file: WorkFile) -> dict[str, int]:
    with Reader(file).buffered() as raw:
        table = open_table(raw, file.kind, file.encoding)
        return usable(guess(table.columns, sample_of(table)), len(table.columns))


def _found(vendor: Vendor, file: WorkFile, idempotency_key: str) -> Import | None:
    """The import that this form made before. Refused where it had another file then."""
    found = Import.objects.listed().filter(idempotency_key=_key(vendor, idempotency_key)).first()
    if found is not None and found.sha256 != file.sha256:
        raise Refused("asked-otherwise", "This form was sent before with another file. Open it anew.")
    return found


def _key(vendor: Vendor, idempotency_key: str) -> str:
    return f"{vendor.pk}:{idempotency_key}"[:100]


def _refuse_many(vendor: Vendor) -> None:
    if Import.objects.open().filter(vendor=vendor).count() >= MOST_OPEN:
        words = f"{MOST_OPEN} imports of this vendor are open. Finish one of them, or cancel it."
        raise TooMany("too-many-imports", words)


def _refuse_others(made: Import, actor: User) -> None:
    refuse_foreign(actor, made.vendor)
    if actor.role == "auditor":
        raise Forbidden("not-for-your-role", "Your role cannot do this. Ask an operator.")


def _started() -> dict[str, object]:
    none = {"done": 0, "failure": "", "ended_at": None, "lease_owner": "", "lease_until": None, "attempts": 0}
    return {"started_at": clock.now(), **none}


def _move(made: Import, states: list[Import.State], **values: object) -> Import:
    """By a conditional update: of two who press a button at once, one is told."""
    moved = Import.objects.filter(pk=made.pk, state__in=states).update(**values)
    fresh = Import.objects.listed().select_related("file", "report").get(pk=made.pk)
    if not moved:
        raise Refused("import-moved-on", f"It is {fresh.get_state_display().lower()} by now. Reload the page.")
    return fresh
