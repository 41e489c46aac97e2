"""Children die with their parent, and a dead child is started again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from certadmin.supervisor import Supervisor
from tests.servers import children_of, runs, wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"]
ROOT = Path(__file__).resolve().parents[2]
SUPERVISE = """
import os, sys
from certadmin.supervisor import Supervisor
supervisor = Supervisor(environment=os.environ, say=print)
supervisor.start("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"])
print("started", flush=True)
supervisor.watch()
"""


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    monkeypatch.setattr("certadmin.supervisor.STOP_SECONDS", 0.5)
    monkeypatch.setattr("certadmin.supervisor.RESTART_SECONDS", 0.0)
    return Supervisor(environment=os.environ, say=lambda _: None)


def test_it_starts_a_dead_child_again(supervisor: Supervisor) -> None:
    supervisor.start("sleeper", SLEEP)
    child = supervisor.children[0]
    assert child.process is not None
    first = child.process.pid
    os.kill(first, signal.SIGKILL)
    child.process.wait()
    supervisor._revive(child)
    assert child.process.pid != first
    assert child.process.poll() is None
    supervisor.stop()


def test_it_stops_even_what_does_not_listen(supervisor: Supervisor) -> None:
    supervisor.start("stubborn", STUBBORN)
    process = supervisor.children[0].process
    assert process is not None
    supervisor.stop()
    assert not runs(process.pid)


def test_children_end_when_their_parent_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", SUPERVISE], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"started\n"
    children = children_of(parent.pid)
    assert children
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not any(runs(child) for child in children), what="the end of the children")
