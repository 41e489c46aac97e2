"""Runs the peers: certificates from CSRs and OCSP answers per second, each by two processes, on the bench's PostgreSQL
where there is a database. A peer that is not here gives None, and the table says so."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from bench.figure import Figure
from bench.load import posted, requests_per_second
from tests.pki.makers import to_pem
from tests.servers import ROOT, Postgres, free_port, wait_until

DJANGO_CA = ROOT / "var" / "peers" / "django-ca" / "bin" / "python"
PROCESSES = 2
SIZE = int(os.environ.get("BENCH_PEERS", "2000"))
CFSSL_SECONDS = 6
OCSP_FACTOR = 5
LISTED = 100_000
CONFIG = {"signing": {"default": {"expiry": "8760h", "usages": ["digital signature", "client auth"]}}}
AUTHORITY = {"CN": "Peer", "key": {"algo": "ecdsa", "size": 256}}


def issuing(ours: float, csrs: Sequence[bytes], server: Postgres) -> Iterator[Figure]:
    """`ours` beside each peer, from the same kind of CSRs (DER)."""
    pems = [to_pem(csr, "CERTIFICATE REQUEST").decode() for csr in csrs[:SIZE]]
    yield _row(
        f"csrs, beside django-ca ({len(pems):,} in PostgreSQL)", ours, django_ca("csrs", pems, server), "certificates/s"
    )
    yield _row("csrs, beside cfssl serve (keeps nothing)", ours, cfssl(pems), "certificates/s")


def answering(ours: float, csrs: Sequence[bytes], server: Postgres) -> Iterator[Figure]:
    """Ours over HTTP beside django-ca's view, called without a server; we want to be five times as fast."""
    pems = [to_pem(csr, "CERTIFICATE REQUEST").decode() for csr in csrs]
    theirs = django_ca("ocsp", pems, server)
    yield _row("ocsp, beside django-ca's view", ours, theirs, "1/s", goal=round(OCSP_FACTOR * theirs) if theirs else 0)


def django_ca(what: str, pems: Sequence[str], server: Postgres) -> float | None:
    """The rate of `Certificate.objects.create_cert` ("csrs") or of its OCSP view ("ocsp")."""
    return _by_django_ca(["django_ca_run.py", what, str(PROCESSES)], server, given=json.dumps(list(pems)))


def admin_list(server: Postgres) -> float | None:
    """Milliseconds of the list of 100,000 certificates in django-ca's admin."""
    return _by_django_ca(["django_ca_admin.py", str(LISTED)], server)


def _by_django_ca(command: Sequence[str], server: Postgres, *, given: str = "") -> float | None:
    """The number that the program prints last."""
    if not DJANGO_CA.exists():
        return None
    name = f"peer_{command[0].removesuffix('.py')}_{command[1]}"
    server.create(name)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "keys").mkdir()
        environment = {"PEER_FOLDER": folder, "PEER_DATABASE": name, "PEER_PORT": str(server.port)}
        done = subprocess.run(
            [DJANGO_CA, *command],
            env={"PATH": os.environ["PATH"], **environment},
            cwd=ROOT / "bench" / "peers",
            input=given,
            check=True,
            capture_output=True,
            text=True,
        )
    return float(done.stdout.splitlines()[-1])


def cfssl(pems: Sequence[str]) -> float | None:
    """What `cfssl serve` signs when two processes ask it over its API."""
    if not (shutil.which("cfssl") and shutil.which("cfssljson")):
        return None
    body = (json.dumps({"certificate_request": pem}).encode() for pem in pems)
    requests = [posted("/api/v1/cfssl/sign", each) for each in body]
    with _serving() as port, ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        requests_per_second(port, requests[:100], seconds=1)
        asking = [pool.submit(requests_per_second, port, requests, seconds=CFSSL_SECONDS) for _ in range(PROCESSES)]
        return sum(each.result() for each in asking)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _serving() -> Iterator[int]:
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        (folder / "config.json").write_text(json.dumps(CONFIG))
        made = subprocess.run(
            ["cfssl", "genkey", "-initca", "-"], input=json.dumps(AUTHORITY).encode(), check=True, capture_output=True
        )
        subprocess.run(["cfssljson", "-bare", "peer"], input=made.stdout, cwd=folder, check=True)
        command = ["cfssl", "serve", "-address", "127.0.0.1", "-port", str(port), "-loglevel", "4"]
        files = ["-ca", "peer.pem", "-ca-key", "peer-key.pem", "-config", "config.json"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([*command, *files], cwd=folder, stdout=log, stderr=log)
        try:
            wait_until(lambda: _listens(port), what="cfssl")
            yield port
        finally:
            process.terminate()
            process.wait(10)


def _row(name: str, ours: float, theirs: float | None, unit: str, *, goal: float = 0) -> Figure:
    """Of a peer that cannot be measured it says so. Where there is no goal, the one of our own row holds."""
    name = name if theirs is not None else f"{name}: not here"
    return Figure(name, ours, theirs or 0, goal, unit, is_most=False)
