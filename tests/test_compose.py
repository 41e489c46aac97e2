"""docker-compose.yml without Docker: each service's command with its environment, against real servers."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests import compose, servers
from tests.faults.deployment import Deployment
from tests.servers import ROOT, wait_until
from tests.stores import s3_server

pytestmark = pytest.mark.slow
KEK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
OURS = ("prepare", "web", "worker", "beat")


@pytest.fixture
def world() -> Iterator[tuple[Deployment, dict[str, dict[str, Any]], int]]:
    """PostgreSQL, Redis and S3, with the names of the compose file's hosts replaced by where ours listen."""
    with ExitStack() as stack:
        postgres = stack.enter_context(servers.postgres())
        redis = stack.enter_context(servers.redis())
        s3 = stack.enter_context(s3_server())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="certadmin-compose-")))
        given = {**compose.example(), "CERTADMIN_KEK": KEK, "CERTADMIN_ADMIN_EMAIL": "", "CERTADMIN_ADMIN_PASSWORD": ""}
        services = compose.services(given)
        places = {
            "@postgres:5432": f"@127.0.0.1:{postgres.port}",
            "redis://redis:6379": f"redis://127.0.0.1:{redis.port}",
            "http://store:7070": s3,
        }
        role = f"CREATE ROLE certadmin LOGIN SUPERUSER PASSWORD '{given['POSTGRES_PASSWORD']}'"
        subprocess.run(["psql", postgres.url("postgres"), "-qc", role], check=True)
        postgres.create("certadmin")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("CERTADMIN_", "DJANGO_"))}
        environment |= moved(services["web"]["environment"], places)
        environment |= {
            "CERTADMIN_PRIVATE_HOSTS": "127.0.0.1",
            "CERTADMIN_DATA": str(folder),
            "CERTADMIN_SWEEP_SECONDS": "2",
        }
        environment["DJANGO_SETTINGS_MODULE"] = "certadmin.settings"
        made = Deployment(folder, postgres, redis, environment["CERTADMIN_DATABASE_URL"], environment)
        try:
            yield made, services, servers.free_port()
        finally:
            made.stop()


def moved(environment: dict[str, str | None], places: dict[str, str]) -> dict[str, str]:
    """The service's own environment block, pointing at this machine."""
    found = {}
    for name, given in environment.items():
        value = "" if given is None else str(given)
        for before, after in places.items():
            value = value.replace(before, after)
        found[name] = value
    return found


def command_of(service: dict[str, Any], port: int) -> list[str]:
    """The service's own command, on a free port of this machine and with one process of a kind."""
    words = [sys.executable, *service["command"][1:]]
    return ["127.0.0.1" if word == "0.0.0.0" else str(port) if word == "8000" else word for word in words]


def start(world: Deployment, service: dict[str, Any], port: int, folder: str) -> None:
    data = world.folder / folder
    data.mkdir()
    with (world.folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command_of(service, port),
            env={**world.environment, "CERTADMIN_DATA": str(data)},
            cwd=ROOT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    world.processes.append(process)


def test_the_services_of_compose_issue_and_publish(
    world: tuple[Deployment, dict[str, dict[str, Any]], int],
) -> None:
    """Two workers and two beats in folders of their own: web and worker share no disk."""
    made, services, port = world
    subprocess.run(
        command_of(services["prepare"], port), env=made.environment, cwd=ROOT, check=True, capture_output=True
    )
    for number, name in enumerate(("web", "worker", "worker", "beat", "beat")):
        start(made, services[name], port, f"{name}-{number}")
    wait_until(lambda: servers._connects(port), seconds=40, what=f"the web server ({made.log})")
    authorities = made.act("world")
    made.act("request", 0, 5)
    made.settle(seconds=60)
    assert made.number("SELECT count(*) FROM certificates_certificate") == 5
    published = made.act("publish", authorities["issuing"])
    assert published["publications"] == 1
    wait_until(lambda: made.act("published") == ["published"], seconds=40, what=f"publication ({made.log[-2000:]})")


def test_the_compose_file_names_only_settings_that_exist() -> None:
    services = compose.services(compose.example())
    named = {name for name in services["web"]["environment"] if name.startswith("CERTADMIN_")}
    example = set(re.findall(r"^#?(CERTADMIN_[A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert named <= example


def test_every_service_runs_from_one_image_or_a_named_one() -> None:
    services = compose.services(compose.example())
    assert set(OURS) <= set(services)
    assert {"postgres", "redis", "store", "mail"} <= set(services)
    assert all(services[name]["image"] == "certadmin" for name in OURS)
