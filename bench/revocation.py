"""A list of a million revoked certificates after one more, beside `openssl ca -gencrl`; and OCSP answers per second
over HTTP, beside those that go through Django each time, and beside those of django-ca (scripts/bench-peers)."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from bench.figure import Figure
from bench.load import answers_per_second
from bench.peers.beside import answering
from bench.peers.csrs import make_csrs
from certadmin import processes
from tests import servers
from tests.faults.deployment import KEK
from tests.servers import ROOT, Postgres, free_port, wait_until

LIST_GOAL_S = 1
GROWTH_GOAL_MB = 64
OCSP_GOAL = 2900  # five times the 580/s of django-ca 2.x, as measured for this project
REVOKED = int(os.environ.get("CERTADMIN_BENCH_REVOKED", "1000000"))


def measure() -> Iterator[Figure]:
    with servers.postgres() as server, tempfile.TemporaryDirectory() as folder:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CERTADMIN_")},
            "CERTADMIN_DATABASE_URL": server.create("revocation"),
            "CERTADMIN_DATA": folder,
            "CERTADMIN_KEK": KEK,
            "CERTADMIN_STORE": "none",
            "DJANGO_SETTINGS_MODULE": "certadmin.settings",
        }
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], env=environment, cwd=ROOT, check=True)
        found = _filled(environment)
        beside = _by_openssl(Path(folder))
        yield Figure(f"crl of {REVOKED:,} after one revocation", float(found["list"][0]), beside, LIST_GOAL_S, "s")
        yield Figure("crl, growth of the process", float(found["grown"][0]), 0, GROWTH_GOAL_MB, "MB")
        yield from _ocsp(server, environment, found["ask"], found["nonce"])


def _filled(environment: Mapping[str, str]) -> dict[str, Sequence[str]]:
    command = [sys.executable, "-m", "bench.revocation_fleet", str(REVOKED)]
    done = subprocess.run(command, env=dict(environment), cwd=ROOT, check=True, capture_output=True, text=True)
    return {words[0]: words[1:] for words in map(str.split, done.stdout.splitlines())}


def _by_openssl(folder: Path) -> float:
    """Seconds of `openssl ca -gencrl` over an index of the same length."""
    line = "R\t301231235959Z\t260101000000Z,keyCompromise\t5{:037X}\tunknown\t/CN=x\n"
    (folder / "index.txt").write_text("".join(map(line.format, range(REVOKED))))
    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca=a\n[a]\ndatabase=index.txt\ncrlnumber=n\ndefault_md=sha256\ndefault_crl_days=7\n"
    )
    (folder / "n").write_text("01\n")
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout k.pem -out c.pem"
    subprocess.run(make.split(), cwd=folder, check=True, capture_output=True)
    command = "openssl ca -config ca.cnf -gencrl -cert c.pem -keyfile k.pem -out crl.pem"
    start = time.perf_counter()
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def _ocsp(
    server: Postgres, environment: Mapping[str, str], questions: Sequence[str], with_nonce: Sequence[str]
) -> Iterator[Figure]:
    kept, fresh = ([f"/ocsp/{quote(each, safe='')}" for each in listed] for listed in (questions, with_nonce))
    with _web(environment) as port:
        beside = answers_per_second(port, ["/ocsp/MAA="], seconds=4)
        answers_per_second(port, kept, seconds=15)  # each is signed once, and read by each process
        ours = answers_per_second(port, kept, seconds=8)
        signed = answers_per_second(port, fresh, seconds=8)
    yield Figure("ocsp, kept answers", ours, beside, OCSP_GOAL, "1/s", is_most=False)
    yield from answering(ours, make_csrs(20), server)
    yield Figure("ocsp, signed for each caller (no goal)", signed, beside, 0, "1/s", is_most=False)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def _web(environment: Mapping[str, str]) -> Iterator[int]:
    """The web server as the product starts it, with a process for each core."""
    port = free_port()
    command = processes.command("web", port=port, processes=os.cpu_count() or 1)
    process = subprocess.Popen(command, env=dict(environment), cwd=ROOT)
    try:
        wait_until(lambda: _listens(port), what="the web server")
        yield port
    finally:
        process.terminate()
        process.wait(20)
