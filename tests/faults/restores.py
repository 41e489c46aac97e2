"""An old backup is put back: what was signed since then is not signed as something else."""

from pathlib import Path

import pytest

from tests.faults import reader
from tests.faults.deployment import Deployment, eui_of


def old_backup(desk: Deployment, count: int) -> None:
    """The backup holds `count` certificates and `count` half-way, of which every second is reserved. Then all of them
    are finished, `count` more are made, and the backup is restored: everybody asks again."""
    file = desk.folder / "backup"
    desk.act("request", 0, count)
    desk.act("sweep_once")
    desk.act("request", count, count)
    desk.act("half_way")
    desk.act("backup", file)
    reserved = _reserved(desk)
    assert len(reserved) == count // 2
    _ask_for_the_rest(desk, count)
    before, later = _signed(desk), _serials(desk, from_number=2 * count)
    desk.stop()
    assert "fits" in desk.act_with({}, "restore", file)
    desk.prepare_to_act()
    assert _reserved(desk) == reserved
    _ask_for_the_rest(desk, count)
    reader.check(desk, issued=3 * count)
    again = _signed(desk)
    assert {serial: again[serial] for serial in before.keys() & again.keys()}.items() <= before.items()
    assert {serial: again.get(serial) for serial in reserved} == reserved, "what was reserved became something else"
    assert len(later) == count
    assert later.isdisjoint(_serials(desk, from_number=0)), "a serial that was given away after the backup"


def old_backup_of_releases(desk: Deployment) -> None:
    """The backup holds release 1, the store release 2 when it is restored: that stays, and the next is release 3."""
    folder, file = Path(desk.act("connect")), desk.folder / "backup"
    first, second = desk.act("authorities")[:2]
    assert (desk.act("publish_only", first), desk.act("deliver")) == (1, ["published"])
    desk.act("backup", file)
    assert (desk.act("publish_only", second), desk.act("deliver")) == (2, ["published"])
    held = _content(folder)
    desk.stop()
    desk.act_with({}, "restore", file)
    desk.prepare_to_act()
    assert desk.act("check_stores") == ["newer"]
    assert _content(folder) == held, "an older release was put back"
    with pytest.raises(RuntimeError, match="holds a newer release"):
        desk.act("publish_only", first)
    assert desk.act("go_on") == [2]
    assert desk.act("check_stores") == ["ours"]
    assert desk.act("deliver") == ["published"]
    assert _content(folder) == held
    assert (desk.act("publish_only", first), desk.act("deliver")) == (3, ["published"])
    desk.act("seal")  # no beat runs here
    desk.act("verify_audit")


def _content(folder: Path) -> dict[str, bytes]:
    """What a network server and a reader of manifests find."""
    return {name: (folder / name).read_bytes() for name in ("index.yml", "common/common.pem", "common/release.json")}


def _ask_for_the_rest(desk: Deployment, count: int) -> None:
    workers = [desk.start("worker"), desk.start("beat")]
    desk.act("request", 2 * count, count)
    desk.settle()
    for each in workers:
        desk.kill(each)


def _reserved(desk: Deployment) -> dict[str, str]:
    return dict(desk.rows("SELECT serial, tbs_sha256 FROM cas_signing WHERE state = 'reserved'"))


def _signed(desk: Deployment) -> dict[str, str]:
    """What each serial number stands on."""
    return dict(desk.rows("SELECT serial, tbs_sha256 FROM cas_signing"))


def _serials(desk: Deployment, *, from_number: int) -> set[str]:
    joined = "certificates_certificate c JOIN gateways_gateway g ON g.id = c.gateway_id"
    return {row[0] for row in desk.rows(f"SELECT c.serial FROM {joined} WHERE g.eui >= %s", eui_of(from_number))}
