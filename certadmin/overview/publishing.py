"""Stores and releases that are not as they should be."""

from datetime import datetime

from django.db.models import OuterRef, Subquery
from django.urls import reverse

from accounts.models import User
from certadmin.overview.todo import Todo, plural
from trust.models import Publication, Release, Store
from trust.services.drafts import differ, newest_release, trusted_in, trusted_now
from trust.services.groups import common


def stores(user: User, now: datetime) -> list[Todo]:
    """No store, a store that is not ours yet, or one that the last check found wrong."""
    if not user.is_operator:
        return []
    connected = list(Store.objects.values_list("pk", "name", "state", "trouble", "complaint"))
    if not connected:
        return [_no_store()]
    return [todo for row in connected if (todo := _store(*row))]


def _no_store() -> Todo:
    return Todo(
        tone="idle",
        icon="database",
        title="No store is connected",
        text="The network server reads its trust bundle from a store: a directory or an S3 bucket.",
        action="Connect a store",
        url=reverse("trust:stores"),
    )


def _store(pk: int, name: str, state: str, trouble: str, complaint: str) -> Todo | None:
    url = reverse("trust:store", args=[pk])
    if state == Store.State.FOREIGN:
        text = "Nothing is published to it until you adopt or replace what it holds."
        return Todo("warn", "database", f"Store {name} holds an index of somebody else", text, "Decide", url)
    if state == Store.State.NEWER:
        title = f"Store {name} holds a newer release than this database knows"
        return Todo("bad", "database", title, f"{complaint} Nothing is published before you decide.", "Decide", url)
    if trouble == Store.Trouble.BESIDE:
        return Todo("idle", "database", f"Store {name} holds files of somebody else", complaint, "Look at them", url)
    if complaint:
        return Todo("warn", "refresh", f"Store {name} is not complete", complaint, "Open the store", url)
    if state == Store.State.UNREAD:
        text = "It is read before anything is published to it."
        return Todo("idle", "database", f"Store {name} was not read yet", text, "Open the store", url)
    return None


def delayed(user: User, now: datetime) -> list[Todo]:
    """The newest release failed to reach a store at least once, and is tried again."""
    if not user.is_operator:
        return []
    newest = Release.objects.filter(group=OuterRef("release__group")).order_by("-number").values("pk")[:1]
    late = Publication.objects.unfinished().exclude(last_error="").filter(release=Subquery(newest))
    rows = late.values_list("release", "release__number", "store__name", "last_error", "attempts")
    return [
        Todo(
            tone="warn",
            icon="refresh",
            title=f"Release {number} has not reached store {name}",
            text=f"{error.rstrip('.')}. Tried {plural(attempts, 'time')}, and again by itself.",
            action=f"Open release {number}",
            url=reverse("trust:release", args=[pk]),
        )
        for pk, number, name, error, attempts in rows
    ]


def unpublished(user: User, now: datetime) -> list[Todo]:
    """The trust group is not what the newest release says."""
    if not user.is_operator:
        return []
    group = common()
    newest = newest_release(group)
    difference = differ(trusted_in(newest), trusted_now(group))
    changes = _changes(len(difference.added), len(difference.removed), len(difference.changed))
    if not changes:
        return []
    title = f"The group differs from release {newest.number}" if newest else "Nothing is published yet"
    text = f"{changes} The network server learns of it with the next release."
    return [Todo("warn", "versions", title, text, "Publish", reverse("trust:releases"))]


def _changes(more: int, fewer: int, dated: int) -> str:
    words = [
        f"{plural(more, 'authority', 'authorities')} to add" if more else "",
        f"{plural(fewer, 'authority', 'authorities')} to drop" if fewer else "",
        f"{plural(dated, 'end')} to change" if dated else "",
    ]
    said = " and ".join(word for word in words if word)
    return f"{said}." if said else ""
