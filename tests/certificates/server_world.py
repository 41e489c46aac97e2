"""An authority for servers, and certificates of it."""

import subprocess
from pathlib import Path

import pytest

from accounts.models import User
from cas.models import Authority
from cas.services.operate import Plan, create_issuing, create_root
from certificates.models import ServerCertificate
from certificates.services.server_certificates import ServerWish, create
from core import clock

HOSTS = ("lns.fjordnet.example", "*.lns.fjordnet.example", "10.0.0.1", "2001:db8::1")
NAMES = (("C", "NO"), ("ST", "Vestland"), ("L", "Bergen"), ("O", "Fjordnet"), ("OU", "Network"))
WISH = ServerWish(HOSTS, "tls-server", 365, NAMES, "P-256")


@pytest.fixture
def for_servers(operator: User) -> Authority:
    root = create_root(operator, Plan("Fjordnet Server Root", "Fjordnet", "P-256", 20, 1))
    return create_issuing(operator, root, Plan("Fjordnet Servers", "Fjordnet", "P-256", 10, 0), for_servers=True)


@pytest.fixture
def server(for_servers: Authority, operator: User) -> ServerCertificate:
    return fresh(create(operator, for_servers, WISH, idempotency_key="s"))


def fresh(row: ServerCertificate) -> ServerCertificate:
    """As pages see it."""
    found = ServerCertificate.objects.with_successor(clock.now())
    return found.select_related("authority", "key", "signing").get(pk=row.pk)


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
