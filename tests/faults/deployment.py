"""A distributed deployment on this machine: real PostgreSQL, Redis and workers as processes of their own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redis as redis_client

from tests.servers import ROOT, Postgres, Redis, children_of

KEK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
FAST = {"CERTADMIN_LEASE_SECONDS": "3", "CERTADMIN_SWEEP_SECONDS": "1", "CERTADMIN_SEAL_SECONDS": "1"}
BROKER = {"CERTADMIN_VISIBILITY_TIMEOUT": "5"}


def eui_of(number: int) -> str:
    """The gateways are numbered."""
    return f"{0x58A0CB0000000000 + number:016X}"


@dataclass(slots=True)
class Deployment:
    """What a test does to it and reads from it; acts run in a process of their own (`acts.py`)."""

    folder: Path
    postgres: Postgres
    redis: Redis
    database: str
    environment: dict[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    actor: "subprocess.Popen[str] | None" = None

    def start(self, name: str, *, folder: str = "", extra: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start `worker` or `beat` with a data folder of its own."""
        data = self.folder / (folder or f"{name}-{len(self.processes)}")
        data.mkdir(exist_ok=True)
        environment = {**self.environment, **(extra or {}), "CERTADMIN_DATA": str(data)}
        command = [sys.executable, str(ROOT / "manage.py"), "run", name, "--processes", "1"]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command, env=environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        self.processes.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """`kill -9` of a process and everything below it."""
        for pid in [process.pid, *children_of(process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def stop_processes(self) -> None:
        """End them at once: how they end by themselves is tested elsewhere."""
        for process in self.processes:
            if process.poll() is None:
                self.kill(process)

    def stop(self) -> None:
        self.stop_processes()
        if self.actor is not None:
            _end(self.actor)

    def act(self, name: str, *arguments: object) -> Any:
        """Run one function of `acts.py` in the process beside us, and return its answer."""
        if self.actor is None:
            self.prepare_to_act()
        return _ask(self.actor, name, *arguments)

    def act_with(self, extra: Mapping[str, str], name: str, *arguments: object) -> Any:
        """The same in a process of its own with another environment."""
        actor = self._actor(extra)
        try:
            return _ask(actor, name, *arguments)
        finally:
            _end(actor)

    def prepare_to_act(self) -> None:
        """Start the process early: it takes two seconds to come up."""
        self.actor = self._actor({})

    def _actor(self, extra: Mapping[str, str]) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tests.faults.acts"]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command,
            env={**self.environment, **extra},
            cwd=ROOT,
            stdin=pipe,
            stdout=pipe,
            text=True,
            start_new_session=True,
        )

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database directly, past the product's own code."""
        with psycopg.connect(self.database) as connection:
            return connection.execute(sql, values).fetchall()

    def execute(self, sql: str) -> None:
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute(sql)

    def number(self, sql: str, *values: object) -> int:
        return int(self.rows(sql, *values)[0][0])

    def in_time(self, sql: str, *, seconds: float = 20) -> bool:
        """Wait until `sql` answers true."""
        end = time.monotonic() + seconds
        while not self.rows(sql)[0][0]:
            if time.monotonic() > end:
                return False
            time.sleep(0.2)
        return True

    def settle(self, *, seconds: float = 60) -> None:
        """Wait until no request is on its way any more."""
        end = time.monotonic() + seconds
        while self.number("SELECT count(*) FROM certificates_request WHERE state IN ('approved', 'reserved')"):
            if time.monotonic() > end:
                states = self.rows("SELECT state, attempts, failure FROM certificates_request")
                raise TimeoutError(f"not settled: {states}; log: {self.log[-3000:]}")
            time.sleep(0.2)

    @property
    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""


def _end(actor: "subprocess.Popen[str]") -> None:
    actor.kill()
    actor.communicate()  # closes the pipes


def _ask(actor: "subprocess.Popen[str] | None", name: str, *arguments: object) -> Any:
    if actor is None or actor.stdin is None or actor.stdout is None:
        raise RuntimeError("nobody is there to act")
    actor.stdin.write(json.dumps([name, *map(str, arguments)]) + "\n")
    actor.stdin.flush()
    answer = json.loads(actor.stdout.readline())
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer["answer"]


@contextlib.contextmanager
def deployment(postgres: Postgres, redis: Redis, *, like: str = "template1") -> Iterator[Deployment]:
    """A database of its own (a copy of `like`), an empty broker and nothing started."""
    with tempfile.TemporaryDirectory(prefix="certadmin-faults-", ignore_cleanup_errors=True) as name:
        redis_client.Redis.from_url(redis.url).flushall()
        database = postgres.create(f"faults_{os.getpid()}_{time.monotonic_ns()}", like=like)
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("CERTADMIN_", "DJANGO_"))}
        environment = {
            **clean,
            **FAST,
            **BROKER,
            "CERTADMIN_DATA": name,
            "CERTADMIN_DATABASE_URL": database,
            "CERTADMIN_REDIS_URL": redis.url,
            "CERTADMIN_SECRET_KEY": "a key of the tests",
            "CERTADMIN_KEK": KEK,
            "DJANGO_SETTINGS_MODULE": "certadmin.settings",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        made = Deployment(Path(name), postgres, redis, database, environment)
        made.prepare_to_act()
        try:
            yield made
        finally:
            made.stop()


def prepared(postgres: Postgres, redis: Redis) -> str:
    """Make a database with an operator, a vendor and an issuing authority once, and return its name."""
    with deployment(postgres, redis) as made:
        command = [sys.executable, "manage.py", "prepare"]
        subprocess.run(command, env=made.environment, cwd=ROOT, check=True, capture_output=True)
        made.act("world")
        return made.database.rsplit("/", 1)[1]
