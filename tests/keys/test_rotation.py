"""Replacing the key-encryption key: interrupted anywhere, begun again, and nothing stands still meanwhile."""

import base64
import threading
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from pytest_django import Settings

from audit.models import Record
from core import bulk
from keys import kek, rotation, services
from keys.kek import NoKek, WrongKek
from keys.models import Canary, Key
from pki.sealing import kek_id

pytestmark = pytest.mark.django_db(transaction=True)

NEW = bytes(range(100, 132))
THIRD = bytes(range(200, 232))


def text(key: bytes) -> str:
    return base64.b64encode(key).decode()


@pytest.fixture
def old(settings: Settings) -> bytes:
    return base64.b64decode(settings.KEK)


@pytest.fixture
def in_files(settings: Settings, tmp_path: Path, old: bytes) -> Path:
    """The key lies in a file, as in the embedded mode."""
    settings.KEK, settings.KEK_FILE = "", tmp_path / "kek"
    settings.KEK_FILE.write_text(text(old) + "\n")
    return tmp_path


@pytest.fixture
def keys(old: bytes, monkeypatch: pytest.MonkeyPatch) -> list[Key]:
    """Five, of which two are rewrapped at a time."""
    monkeypatch.setattr(rotation, "AT_ONCE", 2)
    return [services.create_key("P-256", purpose="authority") for _ in range(5)]


def rotate(*arguments: str) -> str:
    out = StringIO()
    call_command("rotate_kek", *arguments, stdout=out)
    return out.getvalue()


def all_sign(keys: Sequence[Key]) -> bool:
    return all(services.sign(key.pk, b"to be signed") for key in keys)


def under(key: bytes) -> int:
    return Key.objects.filter(kek_id=kek_id(key)).count()


def rotate_and_die(monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
    """The process ends while it writes the batch after so many."""
    update, done = bulk.update, iter(range(batches))

    def die(*arguments: Any) -> None:
        update(*arguments)
        if next(done, None) is None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bulk, "update", die)
        with pytest.raises(KeyboardInterrupt):
            rotate()


@pytest.mark.parametrize("batches", [0, 1, 2])
def test_interrupted_anywhere_and_begun_again_it_signs_before_between_and_after(
    batches: int, keys: list[Key], old: bytes, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.NEW_KEK = text(NEW)
    assert all_sign(keys)
    rotate_and_die(monkeypatch, batches)
    assert (under(NEW), under(old)) == (2 * batches, 5 - 2 * batches)
    services.check_kek()
    assert all_sign(keys)
    between = services.create_key("P-256", purpose="gateway")
    assert between.kek_id == kek_id(NEW)
    assert rotate().startswith(f"{5 - 2 * batches} keys rewrapped")
    assert all_sign([*keys, between])
    settings.KEK, settings.NEW_KEK = text(NEW), ""
    services.check_kek()
    assert all_sign([*keys, between])


def test_the_old_key_opens_nothing_afterwards(keys: list[Key], settings: Settings) -> None:
    settings.NEW_KEK = text(NEW)
    rotate()
    settings.NEW_KEK = ""
    with pytest.raises(WrongKek):
        services.check_kek()
    for key in keys:
        with pytest.raises(WrongKek):
            services.sign(key.pk, b"never")
    with pytest.raises(WrongKek):
        services.create_key("P-256", purpose="gateway")


def test_the_new_one_may_be_in_its_place_already_beside_the_old(
    keys: list[Key], old: bytes, settings: Settings
) -> None:
    """Until everything is rewrapped, the database goes on with the key that it knows."""
    settings.KEK, settings.OLD_KEK = text(NEW), text(old)
    services.check_kek()
    assert services.create_key("P-256", purpose="gateway").kek_id == kek_id(old)
    assert all_sign(keys)
    assert rotate().startswith("6 keys rewrapped")
    settings.OLD_KEK = ""
    assert all_sign(keys)


def test_the_secret_itself_is_not_touched(keys: list[Key], settings: Settings) -> None:
    settings.NEW_KEK = text(NEW)
    columns = ("nonce", "ciphertext", "signatures", "public_key")
    before = [tuple(map(_plain, row)) for row in Key.objects.order_by("pk").values_list(*columns)]
    rotate()
    assert [tuple(map(_plain, row)) for row in Key.objects.order_by("pk").values_list(*columns)] == before


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def test_destroyed_keys_stay_destroyed(keys: list[Key], settings: Settings) -> None:
    services.destroy_key(keys[0].pk)
    settings.NEW_KEK = text(NEW)
    assert rotate().startswith("4 keys rewrapped")
    assert Key.objects.get(pk=keys[0].pk).wrapped_key is None


def test_without_a_key_it_makes_one_beside_the_old_and_puts_it_in_its_place(in_files: Path, keys: list[Key]) -> None:
    old = kek.read()
    words = rotate()
    kept = in_files / f"kek.{kek_id(old)}"
    assert str(kept) in words
    assert kek.read_file(kept) == old
    assert kek.read() != old
    assert {path.name for path in in_files.iterdir()} == {"kek", kept.name}
    assert (in_files / "kek").stat().st_mode & 0o777 == 0o600
    assert under(kek.read()) == 5
    assert all_sign(keys)


def test_interrupted_with_files_it_goes_on_with_the_same_new_key(
    in_files: Path, keys: list[Key], monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate_and_die(monkeypatch, 1)
    new = kek.read_file(in_files / "kek.new")
    assert all_sign(keys)
    rotate()
    assert kek.read() == new
    assert all_sign(keys)


def test_interrupted_before_the_files_change_places_it_goes_on(
    in_files: Path, keys: list[Key], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(new: bytes) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(kek, "settle", die)
        with pytest.raises(KeyboardInterrupt):
            rotate()
    assert all_sign(keys)
    new = kek.read_file(in_files / "kek.new")
    assert rotate().startswith("0 keys rewrapped")
    assert kek.read() == new
    assert all_sign(keys)


def test_a_named_file_is_laid_beside_the_old_first(in_files: Path, keys: list[Key]) -> None:
    given = in_files / "given"
    given.write_text(text(NEW))
    rotate("--new-file", str(given))
    assert kek.read() == NEW
    assert all_sign(keys)


def test_another_new_key_in_the_middle_is_refused(
    in_files: Path, keys: list[Key], monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate_and_die(monkeypatch, 1)
    (in_files / "other").write_text(text(THIRD))
    with pytest.raises(CommandError, match="Another new key"):
        rotate("--new-file", str(in_files / "other"))
    assert all_sign(keys)


@pytest.mark.parametrize("content", ["", "no base64", text(b"short"), text(bytes(33)), "\udcff"])
def test_a_wrong_new_key_is_refused_and_changes_nothing(content: str, in_files: Path, keys: list[Key]) -> None:
    old = kek.read()
    (in_files / "given").write_text(content, errors="surrogateescape")
    with pytest.raises(CommandError) as refused:
        rotate("--new-file", str(in_files / "given"))
    assert not content or content not in str(refused.value)
    assert (under(old), (in_files / "kek.new").exists()) == (5, False)


def test_the_key_in_use_is_no_new_key(in_files: Path, keys: list[Key]) -> None:
    with pytest.raises(CommandError, match="in use already"):
        rotate("--new-file", str(in_files / "kek"))
    assert not (in_files / "kek.new").exists()


def test_from_the_environment_it_wants_the_new_key_for_every_process(
    keys: list[Key], old: bytes, tmp_path: Path
) -> None:
    """Fails when a key that other processes may not have is taken from a file."""
    (tmp_path / "given").write_text(text(NEW))
    for arguments in ([], ["--new-file", str(tmp_path / "given")]):
        with pytest.raises(CommandError, match="CERTADMIN_NEW_KEK"):
            rotate(*arguments)
    assert under(old) == 5


def test_a_wrong_key_in_place_of_the_old_is_refused(keys: list[Key], old: bytes, settings: Settings) -> None:
    settings.KEK, settings.OLD_KEK = text(NEW), text(THIRD)
    with pytest.raises(CommandError, match="not the key-encryption key"):
        rotate()
    assert (under(old), Canary.objects.get().kek_id) == (5, kek_id(old))


def test_what_is_under_an_unknown_key_is_told_before_anything_changes(
    keys: list[Key], old: bytes, settings: Settings
) -> None:
    Key.objects.filter(pk=keys[4].pk).update(kek_id=kek_id(THIRD))
    settings.NEW_KEK = text(NEW)
    with pytest.raises(CommandError, match="1 keys are sealed under a key-encryption key that is not here"):
        rotate()
    assert (under(old), Canary.objects.get().kek_id) == (4, kek_id(old))


def test_an_altered_row_is_named(keys: list[Key], settings: Settings) -> None:
    Key.objects.filter(pk=keys[4].pk).update(wrapped_key=bytes(48))
    settings.NEW_KEK = text(NEW)
    with pytest.raises(CommandError, match=str(keys[4].pk)):
        rotate()


def test_a_damaged_key_beside_the_other_says_so(settings: Settings) -> None:
    settings.NEW_KEK = "no base64"
    with pytest.raises(NoKek):
        services.check_kek()


def test_no_key_is_printed(keys: list[Key], old: bytes, settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """G6. Fails when the command prints the key that it made."""
    settings.NEW_KEK = text(NEW)
    said = rotate() + caplog.text + str(list(Record.objects.values_list("details", flat=True)))
    for key in (old, NEW):
        assert text(key)[:20] not in said
        assert key.hex() not in said
    assert kek_id(NEW) in said


def test_it_stands_in_the_record_once(keys: list[Key], old: bytes, settings: Settings) -> None:
    settings.NEW_KEK = text(NEW)
    rotate()
    rotate()
    act = Record.objects.get(action="kek.replaced")
    assert act.sentence == f"Key-encryption key {kek_id(old)} replaced by {kek_id(NEW)}"


def test_a_key_that_is_made_meanwhile_is_not_left_behind(keys: list[Key], old: bytes, settings: Settings) -> None:
    """Fails when `_sealing_kek` lets a rotation go past a transaction that has sealed and not committed."""
    settings.NEW_KEK = text(NEW)
    made, may_end = threading.Event(), threading.Event()

    def make() -> None:
        try:
            with transaction.atomic():
                services.create_key("P-256", purpose="gateway")
                made.set()
                may_end.wait(10)
        finally:
            connection.close()

    def run() -> None:
        try:
            rotate()
        finally:
            connection.close()

    threads = [threading.Thread(target=each) for each in (make, run)]
    threads[0].start()
    assert made.wait(10)
    threads[1].start()
    threads[1].join(0.5)
    assert threads[1].is_alive()
    may_end.set()
    for each in threads:
        each.join(30)
    assert (under(NEW), under(old)) == (6, 0)
