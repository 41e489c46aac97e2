"""What operators do about a store that is not as we left it."""

from accounts.models import User
from audit.services import record
from core.errors import Refused
from core.store import StoreError
from trust.models import Publication, Store
from trust.services.checking import foreign
from trust.services.groups import refuse_unless_operator
from trust.services.opening import open_store
from trust.services.publication import holdings, let_stay
from trust.services.releases import queue
from trust.services.troubles import note_good


def repair_store(actor: User, store: Store) -> Publication:
    """Put back what somebody changed. Ring `trust.tasks.publish` for the answer."""
    refuse_unless_operator(actor)
    held = holdings(store)
    if store.trouble != Store.Trouble.CHANGED or not held:
        raise Refused("nothing-to-repair", "The last check found nothing to put right. Check the store again.")
    record(actor, "store.repaired", subject=store, differences=[each["words"] for each in store.differences])
    return queue(held[0], store)


def choose_repair(actor: User, store: Store, how: str) -> None:
    """Say whether what somebody changed is put right by itself or when an operator says so."""
    refuse_unless_operator(actor)
    if how not in Store.Repair.values:
        raise Refused("repair-unknown", "Choose one of the two.", field="repair")
    Store.objects.filter(pk=store.pk).update(repair=how)
    record(actor, "store.repair-chosen", subject=store, how=str(Store.Repair(how).label).lower())


def remove_foreign(actor: User, store: Store) -> int:
    """Delete the files of others that the last check found beside ours, and that are still no part of a release."""
    refuse_unless_operator(actor)
    objects, names = open_store(store), _foreign_names(store)
    try:
        present = {each.name for each in foreign(store, objects, holdings(store))}
        for name in (gone := [each for each in names if each in present]):
            objects.delete(name)
    except StoreError as error:
        raise Refused("store-failing", f"Not everything was removed. {error.message}") from error
    record(actor, "store.foreign-removed", subject=store, names=", ".join(gone))
    _forget_foreign(store)
    return len(gone)


def keep_foreign(actor: User, store: Store) -> int:
    """The files of others that the last check found may stay, and are not spoken of again."""
    refuse_unless_operator(actor)
    names = _foreign_names(store)
    let_stay(store, names)
    record(actor, "store.foreign-kept", subject=store, names=", ".join(names))
    _forget_foreign(store)
    return len(names)


def _foreign_names(store: Store) -> list[str]:
    names = [each["name"] for each in store.differences if each["kind"] == "foreign"]
    if not names:
        raise Refused("nothing-foreign", "The last check found no files of others. Check the store again.")
    return names


def _forget_foreign(store: Store) -> None:
    """Until the next check looks again."""
    rest = [each for each in store.differences if each["kind"] != "foreign"]
    Store.objects.filter(pk=store.pk).update(differences=rest)
    if store.trouble == Store.Trouble.BESIDE:
        note_good(store)
