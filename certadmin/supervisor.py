"""Runs processes together: a dead one is started again, all end with their parent, and stopping is in order."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

PR_SET_PDEATHSIG = 1
RESTART_SECONDS = 2.0
STOP_SECONDS = 10.0
_libc = ctypes.CDLL(None)


def end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies, however it dies (runs in the child before exec)."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(slots=True)
class Child:
    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    next_start: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Children in the order in which they start; they stop in the opposite order."""

    environment: Mapping[str, str]
    say: Callable[[str], None]
    children: list[Child] = field(default_factory=list)
    stopping: bool = False

    def start(self, name: str, command: Sequence[str]) -> None:
        child = Child(name, command)
        self.children.append(child)
        self._start(child)

    def watch(self) -> None:
        """Keep everything running until `stop_soon`."""
        while not self.stopping:
            for child in self.children:
                self._revive(child)
            time.sleep(0.2)

    def stop_soon(self, *_: object) -> None:
        self.stopping = True

    def stop(self) -> None:
        for child in reversed(self.children):
            self._stop(child)

    def _start(self, child: Child) -> None:
        # a session of its own: Ctrl-C reaches the supervisor only, which then stops everything in order
        child.process = subprocess.Popen(  # noqa: S603  commands of our own, no shell
            child.command,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509  nothing is threaded yet
        )
        child.next_start = time.monotonic() + RESTART_SECONDS

    def _revive(self, child: Child) -> None:
        if child.process is None or child.process.poll() is None or time.monotonic() < child.next_start:
            return
        self.say(f"{child.name} ended with {child.process.returncode}; starting it again")
        _kill_group(child.process.pid, signal.SIGKILL)  # what it may have left behind
        self._start(child)

    def _stop(self, child: Child) -> None:
        if child.process is None:
            return
        if child.process.poll() is None:
            child.process.terminate()
            try:
                child.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.say(f"{child.name} did not stop in {STOP_SECONDS:.0f} s and is killed")
        _kill_group(child.process.pid, signal.SIGKILL)
        child.process.wait()


def _kill_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)
