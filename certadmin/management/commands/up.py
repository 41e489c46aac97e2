"""`manage.py up`: the whole product on one machine. Prints where it is and how to sign in; Ctrl-C stops everything."""

import fcntl
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from typing import IO, Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from accounts.services.setup import setup_link
from certadmin import processes
from certadmin.supervisor import Supervisor

PATIENCE_SECONDS = 60


class Command(BaseCommand):
    help = "Run web server, worker, beat and (where none is configured) Redis, on the embedded default."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *, host: str, port: int, **options: Any) -> None:
        os.environ.setdefault("CERTADMIN_PUBLIC_URL", f"http://{host}:{port}")
        settings.PUBLIC_URL = os.environ["CERTADMIN_PUBLIC_URL"]
        lock = self._only_one()
        call_command("prepare")
        supervisor = Supervisor(environment=os.environ, say=self._say)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, supervisor.stop_soon)
        try:
            self._start(supervisor, host, port)
            if _answers(f"http://{host}:{port}/healthz", supervisor):
                self._welcome(settings.PUBLIC_URL)
            supervisor.watch()
        finally:
            self._say("stopping")
            supervisor.stop()
            lock.close()

    def _start(self, supervisor: Supervisor, host: str, port: int) -> None:
        if settings.REDIS_IS_EMBEDDED:
            supervisor.start("redis", processes.redis(settings.REDIS_SOCKET))
        supervisor.start("web", processes.command("web", host=host, port=port))
        supervisor.start("worker", processes.command("worker"))
        supervisor.start("beat", processes.command("beat"))

    def _only_one(self) -> IO[str]:
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        lock = (settings.DATA_DIR / "up.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(f"The product already runs on {settings.DATA_DIR}. Stop it first.") from None
        return lock

    def _welcome(self, address: str) -> None:
        link = setup_link()
        sign_in = f"Set up the first operator (link works once):\n    {link}" if link else f"Sign in:  {address}/login/"
        self.stdout.write(
            f"\n  certadmin runs at  {address}\n"
            f"  {sign_in}\n"
            f"  Mails:    {address}/dev/mail/\n"
            f"  Health:   {address}/healthz\n"
            f"  The key-encryption key lies in\n    {_kek_place()}\n"
            "  Keep a copy of it elsewhere: a backup of the database is worthless without it.\n"
            "  Ctrl-C stops everything.\n"
        )
        self.stdout.flush()

    def _say(self, text: str) -> None:
        print(f"certadmin: {text}", file=sys.stderr, flush=True)


def _kek_place() -> str:
    return "the environment (CERTADMIN_KEK)" if settings.KEK else str(settings.KEK_FILE)


def _answers(url: str, supervisor: Supervisor) -> bool:
    """Wait until the web server answers, for a minute at most."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and not supervisor.stopping:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310  our own address
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            time.sleep(0.1)
    return False
