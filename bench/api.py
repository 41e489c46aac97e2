"""The API at a fleet's size, on PostgreSQL: how long a list and a get take, and how many gets a second two processes
answer. BENCH_GATEWAYS runs a smaller fleet; the figures then name that size."""

import contextlib
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence

import psycopg
import requests

from bench.figure import Figure
from bench.load import get, requests_per_second
from certadmin import processes
from tests import servers
from tests.faults.deployment import KEK
from tests.servers import ROOT, free_port, wait_until

GATEWAYS = int(os.environ.get("BENCH_GATEWAYS", "1000000"))
GOAL_MS, GOAL_RATE = 30, 800
TIMES = 200
LISTS = ("limit=50", "state=soon&sort=ends&limit=50", "vendor=2&limit=50", "limit=500")
TOKEN = """
from accounts.models import User
from accounts.services import api_tokens
api_tokens.confirm_password = lambda *_: None
person = User.objects.get(email="ines@fjordnet.example")
print(api_tokens.make_token(person, name="bench", scopes=["read"], days=1, password="")[1])
"""


def measure() -> Iterator[Figure]:
    with servers.postgres() as server, tempfile.TemporaryDirectory() as folder:
        url = server.create("api")
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CERTADMIN_")},
            "CERTADMIN_DATABASE_URL": url,
            "CERTADMIN_DATA": folder,
            "CERTADMIN_KEK": KEK,
            "CERTADMIN_STORE": "none",
            "CERTADMIN_API_CALLS_PER_MINUTE": "10000000",
            "DJANGO_SETTINGS_MODULE": "certadmin.settings",
        }
        _manage(environment, "prepare")
        _manage(environment, "seed_demo", "--json", "--gateways", str(GATEWAYS))
        yield from figures(url, environment)


def figures(url: str, environment: Mapping[str, str]) -> Iterator[Figure]:
    """What is measured of a fleet that is there."""
    head = {"Authorization": f"Bearer {_manage(environment, 'shell', '-v0', '-c', TOKEN).split()[-1]}"}
    with _web(environment) as port, requests.Session() as session:
        session.headers.update(head)
        there = f"http://127.0.0.1:{port}"
        beside = _p95(session, [f"{there}/healthz"])
        size = f"{GATEWAYS:,} gateways"
        euis = _euis(url)
        gets = [f"{there}/api/v1/gateways/{eui}" for eui in euis]
        yield Figure(f"api, get, p95, {size}", _p95(session, gets), beside, GOAL_MS, "ms")
        for query in LISTS:
            name = f"api, list {query}, p95, {size}"
            yield Figure(name, _p95(session, [f"{there}/api/v1/gateways?{query}"]), beside, GOAL_MS, "ms")
        sent = [get(f"/api/v1/gateways/{eui}", head) for eui in euis]
        requests_per_second(port, sent, seconds=2)
        plain = requests_per_second(port, [get("/api/v1/me", head)], seconds=4)
        rate = requests_per_second(port, sent, seconds=10)
        yield Figure(f"api, gets a second, {size}", rate, plain, GOAL_RATE, "1/s", is_most=False)


def _p95(session: requests.Session, addresses: Sequence[str]) -> float:
    """Of whole answers over loopback, one after the other, in milliseconds."""
    spans = []
    for place in range(TIMES):
        start = time.perf_counter()
        session.get(addresses[place % len(addresses)]).raise_for_status()
        spans.append((time.perf_counter() - start) * 1000)
    return sorted(spans[TIMES // 20 :])[int(len(spans[TIMES // 20 :]) * 0.95)]


def _euis(url: str) -> list[str]:
    with psycopg.connect(url) as database:
        return [eui for (eui,) in database.execute("SELECT eui FROM gateways_gateway ORDER BY md5(eui) LIMIT 2000")]


def _manage(environment: Mapping[str, str], *words: str) -> str:
    command = [processes.PYTHON, "manage.py", *words]
    return subprocess.run(
        command, env=dict(environment), cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def _web(environment: Mapping[str, str]) -> Iterator[int]:
    """The web server as the product starts it, with two processes."""
    port = free_port()
    process = subprocess.Popen(processes.command("web", port=port, processes=2), env=dict(environment), cwd=ROOT)
    try:
        wait_until(lambda: _listens(port), what="the web server")
        yield port
    finally:
        process.terminate()
        process.wait(20)
