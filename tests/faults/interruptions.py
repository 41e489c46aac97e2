"""A process that ends in the middle of its work, at a step that the test chooses."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.faults import reader
from tests.faults.breaking import STEPS
from tests.faults.deployment import Deployment, eui_of
from tests.servers import wait_until

BREAKING = "tests.faults.settings"


def killed_at_each_step(desk: Deployment, count: int) -> None:
    """Each of `count` requests loses its worker once, the first at the first step, the second at the second, …"""
    killed_at(desk, count, STEPS)


def killed_at(desk: Deployment, count: int, steps: Sequence[str]) -> None:
    marks = mark(desk, [f"{steps[at % len(steps)]}-{eui_of(at)}" for at in range(count)])
    desk.act("request", 0, count)  # first: a worker that is already waiting notices only every 5 s that its child died
    start(desk, breaking(marks))
    desk.settle(seconds=120)
    assert list(marks.iterdir()) == [], "a step was never reached"
    reader.check(desk, issued=count)


def killed_batch(desk: Deployment, count: int, steps: Sequence[str]) -> None:
    """The worker on a batch dies at each of these steps, once."""
    marks = mark(desk, steps)
    desk.act("batch", 0, count)
    start(desk, breaking(marks))
    done = "SELECT count(*) FROM certificates_batch WHERE state = 'done'"
    wait_until(lambda: desk.number(done) == 1, seconds=120, what="the end of the batch")
    assert list(marks.iterdir()) == [], "a step was never reached"
    reader.check(desk, issued=count)


def crashing_request(desk: Deployment, count: int) -> None:
    """One request crashes every process that touches it; it is set aside, and the others flow."""
    requests = desk.act("request", 0, count)
    start(desk, breaking(mark(desk, [f"crash-{eui_of(0)}"])))
    desk.settle(seconds=120)
    state, attempts, words = desk.rows(
        "SELECT state, attempts, failure FROM certificates_request WHERE id = %s", requests[0]
    )[0]
    assert (state, attempts) == ("failed", 4), "three tries, and one look that sets it aside"
    assert words.startswith("Set aside after 3 tries")
    reader.check(desk, issued=count - 1)


def without_the_settings_of_the_tests(desk: Deployment, count: int) -> None:
    """The same marks, and the product's own settings: nobody looks at them."""
    marks = mark(desk, [f"{step}-{eui_of(at)}" for at in range(count) for step in ("crash", *STEPS)])
    before = sorted(marks.iterdir())
    desk.act("request", 0, count)
    start(desk, {"CERTADMIN_FAULTS": str(marks)})
    desk.settle()
    assert sorted(marks.iterdir()) == before
    reader.check(desk, issued=count)


def start(desk: Deployment, extra: Mapping[str, str]) -> None:
    """One worker that does one thing at a time: a lease of a second is enough, and what it lost is soon taken up."""
    desk.start("worker", extra={**extra, "CERTADMIN_LEASE_SECONDS": "1"})
    desk.start("beat")


def mark(desk: Deployment, names: Sequence[str]) -> Path:
    folder = desk.folder / "faults"
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    return folder


def breaking(marks: Path) -> dict[str, str]:
    return {"DJANGO_SETTINGS_MODULE": BREAKING, "CERTADMIN_FAULTS": str(marks)}
