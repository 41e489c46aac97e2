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

from tests.servers import ROOT, Postgres, Redis, children_of, runs

KEK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
FAST = {"CERTADMIN_LEASE_SECONDS": "3", "CERTADMIN_SWEEP_SECONDS": "1", "CERTADMIN_SEAL_SECONDS": "1"}
BROKER = {"CERTADMIN_VISIBILITY_TIMEOUT": "5"}


@dataclass(slots=True)
class Deployment:
    """What a test does to it and reads from it; acts run in a process of their own (`acts.py`)."""

    folder: Path
    postgres: Postgres
    redis: Redis
    database: str
    environment: dict[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

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

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                below = children_of(process.pid)
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(8)
                for pid in [process.pid, *below]:
                    if runs(pid):
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                process.wait()

    def act(self, name: str, *arguments: object, extra: Mapping[str, str] | None = None) -> Any:
        """Run one function of `acts.py` and return what it printed as JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults.acts", name, *map(str, arguments)],
            env={**self.environment, **(extra or {})},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout.splitlines()[-1])

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database directly, past the product's own code."""
        with psycopg.connect(self.database) as connection:
            return connection.execute(sql, values).fetchall()

    def execute(self, sql: str) -> None:
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute(sql)

    def number(self, sql: str, *values: object) -> int:
        return int(self.rows(sql, *values)[0][0])

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
