"""Which conditional writes a store honours: tried, never assumed. Some say that they do and overwrite all the same.

A write that depends on a condition (RFC 9110 section 13.1) guards the pointer of a release against whoever writes to
the store beside us. It is a second net: the first is the lease in the database.
"""

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from core.store import ABSENT, ObjectStore, Overtaken, StoreError

Form = Literal["", "quoted", "bare"]
RACERS = 4


@dataclass(frozen=True, slots=True)
class Conditions:
    """`create`: If-None-Match: * is honoured, also in a race. `replace`: so is If-Match, with the tag in this form."""

    create: bool = False
    replace: Form = ""


def probe(objects: ObjectStore) -> Conditions:
    """Try a store with a small object that is removed again. Raises `StoreError` where it cannot be written at all."""
    name = f"certadmin-probe-{secrets.token_hex(8)}"
    try:
        objects.put(name, b"first")
        create = _refuses(objects, name, ABSENT)
        return Conditions(create and _one_wins(objects, f"{name}-race"), _form(objects, name))
    finally:
        objects.delete(name)


def written_tag(etag: str, form: str) -> str:
    """The entity tag as a store of this form wants it in If-Match; empty where it honours none."""
    return {"quoted": etag, "bare": etag.strip('"')}.get(form, "")


def _refuses(objects: ObjectStore, name: str, condition: str) -> bool:
    """Whether a write whose condition does not hold is refused, and changes nothing."""
    before = objects.get(name)
    try:
        objects.put(name, b"refused", only_if=condition)
    except Overtaken:
        return objects.get(name) == before
    except StoreError:  # not known there, or not allowed
        return False
    return False


def _one_wins(objects: ObjectStore, name: str) -> bool:
    """Several create the same object at once: exactly one may succeed, and its content is there."""

    def create(content: bytes) -> bytes | None:
        try:
            objects.put(name, content, only_if=ABSENT)
        except StoreError:
            return None
        return content

    try:
        with ThreadPoolExecutor(RACERS) as pool:
            winners = [each for each in pool.map(create, [b"%d" % number for number in range(RACERS)]) if each]
        return len(winners) == 1 and objects.get(name) == winners[0]
    finally:
        objects.delete(name)


def _form(objects: ObjectStore, name: str) -> Form:
    """The first form of the tag with which a write succeeds, where one with a wrong tag is refused."""
    forms: tuple[Form, ...] = ("quoted", "bare")
    return next((form for form in forms if _honours(objects, name, form)), "")


def _honours(objects: ObjectStore, name: str, form: Form) -> bool:
    found = objects.read(name)
    if found is None or not found.etag:
        return False
    content = secrets.token_bytes(8)
    try:
        objects.put(name, content, only_if=written_tag(found.etag, form))
    except StoreError:
        return False
    return objects.get(name) == content and _refuses(objects, name, written_tag(found.etag, form))
