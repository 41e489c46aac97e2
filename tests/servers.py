"""Real servers for the tests: context managers that listen on 127.0.0.1 or a socket and leave nothing behind."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parent.parent


def missing(what: str) -> None:
    """Skip loudly where a server cannot be had; with CI=true that is a failure."""
    words = f"{what} is not installed; `make servers` says how to get it"
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(true: Callable[[], bool], *, seconds: float = 20, what: str = "it") -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return
        time.sleep(0.05)
    raise TimeoutError(f"{what} did not happen within {seconds} s")


def binary(name: str) -> str:
    beside = Path(sys.executable).parent / name  # those that come as Python packages
    found = (
        shutil.which(name)
        or (str(beside) if beside.exists() else "")
        or next((str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)), "")
    )
    if not found:
        missing(name)
    return found


def _stop(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> None:
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# ---------------------------------------------------------------- PostgreSQL


@dataclass(slots=True)
class Postgres:
    """A PostgreSQL server of our own."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def account(self) -> str | None:
        """The server refuses to run as root."""
        return "postgres" if os.geteuid() == 0 else None

    def url(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        options = ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", f"unix_socket_directories={self.folder}"]
        command = [
            binary("postgres"),
            "-D",
            str(self.folder / "data"),
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            *options,
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, user=self.account, cwd=self.folder)
        wait_until(self.answers, what="PostgreSQL")

    def stop(self, number: int = signal.SIGINT) -> None:
        if self.process:
            _stop(self.process, number)

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=1).close()
        except psycopg.OperationalError:
            return False
        return True

    def create(self, name: str, *, like: str = "template1") -> str:
        """Make a database, as a copy of another, and return its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{like}"')
            # a copied sequence counts as logged already: after a crash it would give the same numbers again
            connection.execute("CHECKPOINT")
        return self.url(name)


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    initdb = binary("initdb")
    with tempfile.TemporaryDirectory(prefix="certadmin-pg-", ignore_cleanup_errors=True) as name:
        server = Postgres(Path(name), free_port())
        if server.account:
            os.chown(name, pwd.getpwnam(server.account).pw_uid, -1)
        arguments = ["-D", f"{name}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run([initdb, *arguments], check=True, capture_output=True, user=server.account, cwd=name)
        server.start()
        try:
            yield server
        finally:
            server.stop()


# --------------------------------------------------------------------- Redis


@dataclass(slots=True)
class Redis:
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        keep = ["--dir", str(self.folder), "--appendonly", "yes", "--save", ""]
        command = [binary("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", *keep]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(lambda: _connects(self.port), what="Redis")

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process:
            _stop(self.process, number)


def _connects(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def redis() -> Iterator[Redis]:
    with tempfile.TemporaryDirectory(prefix="certadmin-redis-", ignore_cleanup_errors=True) as name:
        server = Redis(Path(name), free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop()


# --------------------------------------------------------------- a token


@dataclass(frozen=True, slots=True)
class SoftToken:
    """A PKCS#11 token of SoftHSM, in a folder of its own."""

    folder: Path
    module: str
    label: str = "fjordnet"
    pin: str = "271828-pin"

    @property
    def environment(self) -> dict[str, str]:
        """What SoftHSM reads when a process first speaks with it."""
        return {"SOFTHSM2_CONF": str(self.folder / "softhsm2.conf")}

    def make(self, label: str) -> None:
        command = [
            "softhsm2-util",
            "--init-token",
            "--free",
            "--label",
            label,
            "--so-pin",
            "so-pin-0",
            "--pin",
            self.pin,
        ]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **self.environment})


def _softhsm() -> str:
    """The library: Debian's, or where others have it."""
    places = ["/usr/lib/softhsm", "/usr/lib64/pkcs11", "/usr/lib/x86_64-linux-gnu/softhsm", "/usr/local/lib/softhsm"]
    found = next((f"{each}/libsofthsm2.so" for each in places if Path(each, "libsofthsm2.so").exists()), "")
    if not (found and shutil.which("softhsm2-util")):
        missing("softhsm2")
    return found


@contextlib.contextmanager
def soft_token() -> Iterator[SoftToken]:
    module = _softhsm()
    with tempfile.TemporaryDirectory(prefix="certadmin-token-") as name:
        token = SoftToken(Path(name), module)
        (token.folder / "tokens").mkdir()
        text = f"directories.tokendir = {name}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
        (token.folder / "softhsm2.conf").write_text(text)
        token.make(token.label)
        yield token


# --------------------------------------------------------------- the product


@dataclass(slots=True)
class Product:
    """The product as its own processes, in a data folder of its own."""

    folder: Path
    port: int
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text(errors="replace")

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a management command in the product's environment."""
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=check,
        )

    def start(self) -> None:
        command = [sys.executable, str(ROOT / "manage.py"), "up", "--port", str(self.port)]
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                command, env=self.environment, cwd=ROOT, stdout=output, stderr=output, start_new_session=True
            )
        wait_until(self.is_up, seconds=60, what=f"the product (output: {self.output})")

    def is_up(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise RuntimeError(f"the product ended: {self.output}")
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2):
                return "Ctrl-C stops everything" in self.output
        except OSError:
            return False

    def stop(self, number: int = signal.SIGINT) -> None:
        if self.process:
            _stop(self.process, number)

    def setup_link(self) -> str:
        return next(line.strip() for line in self.output.splitlines() if "/setup/" in line)


@contextlib.contextmanager
def product(extra: Mapping[str, str] | None = None) -> Iterator[Product]:
    """A product in its own data folder, not yet started."""
    with tempfile.TemporaryDirectory(prefix="certadmin-up-", ignore_cleanup_errors=True) as name:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("CERTADMIN_", "DJANGO_"))}
        environment = {**clean, "CERTADMIN_DATA": name, "PYTHONDONTWRITEBYTECODE": "1", **(extra or {})}
        instance = Product(Path(name), free_port(), environment)
        (instance.folder / "output").touch()
        try:
            yield instance
        finally:
            instance.stop()


def children_of(pid: int) -> list[int]:
    """Every process below `pid`."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rsplit(")", 1)[1].split()
            if int(fields[1]) == pid:
                child = int(path.parent.name)
                found += [child, *children_of(child)]
    return found


def runs(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False
