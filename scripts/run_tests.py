"""Runs pytest in three parts: all that is safe in parallel, on SQLite; what claims, locks, counts and constrains once
more on PostgreSQL; then the tests that start the whole product, a file at a time in two processes."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests import servers  # noqa: E402  found from here

# compiled tests are kept for the next part, and for the next run
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=12"]
ALONE = "browser or slow"
TWO = ["-n", "2"]
SOME_FAILED = 1  # pytest's exit status
TWICE = {  # by app, the suites of what two databases may do differently; pages and parsers they do not change
    "accounts": "acts_and_records four_eyes invitations",
    "alerts": "alert_rules answers due escalation kinds mailing migration notices send_due_notices servers",
    "api": "gate gateways sightings",
    "audit": "append_only sealing two_sealers verify_audit",
    "cas": "bulk interrupted linking operate profiles revocation_lists signing",
    "certadmin": "counting metrics search",
    "certificates": "at_once batches bulk_revocation custody filters interruptions issuing key_holding "
    "ledger moved_gateways presented profiles recording renewal requests retiring revocation sent_again servers "
    "sweep transfer",
    "core": "keyset patience",
    "gateways": "blocks claims disputes filters imports imports_at_once list registration tagging",
    "keys": "rotation vault",
    "outbox": "delivery queueing",
    "trust": "drafts impact membership releases rollovers",
}


def main(arguments: list[str]) -> int:
    if arguments:
        return subprocess.call([*PYTEST, *arguments])
    parts = {
        "on SQLite": _parallel,
        "once more on PostgreSQL": _on_postgresql,
        "the whole product": _alone,
    }
    failed = [name for name, run in parts.items() if _announced(name, run())]
    return 1 if failed else 0


def _announced(name: str, status: int) -> int:
    print(f"---- {name}: {'failed' if status else 'passed'}", flush=True)
    return status


def _parallel() -> int:
    return subprocess.call([*PYTEST, *TWO, "--dist", "loadscope", "-m", f"not ({ALONE} or soak)"])


def _on_postgresql() -> int:
    with servers.postgres() as server:
        environment = {**os.environ, "CERTADMIN_DATABASE_URL": server.url("postgres")}
        options = [*TWO, "--dist", "loadscope", "-m", f"not ({ALONE} or soak)"]
        return subprocess.call([*PYTEST, *options, *_suites()], env=environment)


def _suites() -> list[str]:
    return [f"tests/{app}/test_{suite}.py" for app, suites in TWICE.items() for suite in suites.split()]


def _alone(*paths: str) -> int:
    # in the order of their names: the browser's files are the longest, and a long one at the end keeps one process idle
    command = [*PYTEST, *TWO, "--dist", "loadfile", "--no-loadscope-reorder", "-m", ALONE, *paths]
    status, failed = _noting_failures(command)
    if status != SOME_FAILED or not failed:
        return status
    # a browser, a proxy and a worker on two busy cores may miss a moment; what is broken fails again
    print("---- what failed, once more and by itself", flush=True)
    return subprocess.call([*PYTEST, *failed])


def _noting_failures(command: list[str]) -> tuple[int, list[str]]:
    """Run pytest, show what it says, and return its exit status and the tests that it names as failed."""
    failed = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if line.startswith(("FAILED tests/", "ERROR tests/")):
                failed.append(line.split(" ", 1)[1].split(" - ")[0].strip())
    return process.returncode, list(dict.fromkeys(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
