"""The two commands of the product: it starts, says how to go on, and leaves nothing behind."""

import json
import os
import signal
import urllib.request
from collections.abc import Iterator

import pytest

from tests import servers
from tests.servers import Product, children_of, runs, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def product() -> Iterator[Product]:
    with servers.product() as instance:
        yield instance


def health(product: Product) -> dict[str, dict[str, object]]:
    with urllib.request.urlopen(f"{product.url}/healthz", timeout=5) as answer:
        parts: dict[str, dict[str, object]] = json.load(answer)["parts"]
        return parts


def test_it_starts_says_how_to_sign_in_and_leaves_nothing_behind(product: Product) -> None:
    product.start()
    assert "/setup/" in product.output
    assert "key-encryption-key" in product.output
    assert "worthless without it" in product.output
    wait_until(lambda: bool(health(product)["worker"]["ok"]), what="the worker", seconds=40)
    assert product.process is not None
    children = children_of(product.process.pid)
    assert len(children) >= 4
    product.stop(signal.SIGINT)
    wait_until(lambda: not any(runs(child) for child in children), what="the end of the children")


def test_children_end_when_it_is_killed_and_a_dead_one_comes_back(product: Product) -> None:
    product.start()
    assert product.process is not None
    before = children_of(product.process.pid)
    web = next(pid for pid in before if "granian" in command_of(pid))
    os.kill(web, signal.SIGKILL)
    wait_until(lambda: any("granian" in command_of(pid) and pid != web for pid in below(product)), what="a new web")
    wait_until(product.is_up, what="its answer")
    children = below(product)
    product.process.kill()
    product.process.wait()
    wait_until(lambda: not any(runs(child) for child in children), what="the end of the children", seconds=30)


def below(product: Product) -> list[int]:
    return children_of(product.process.pid) if product.process else []


def command_of(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def test_a_wrong_key_encryption_key_stops_it_at_the_start(product: Product) -> None:
    """G6. Fails when `prepare` no longer checks the canary."""
    product.manage("prepare")
    (product.folder / "key-encryption-key").write_text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
    done = product.manage("up", "--port", str(product.port), check=False)
    assert done.returncode != 0
    assert "not the key-encryption key" in done.stderr


def test_a_backup_with_its_key_issues_and_without_it_refuses(product: Product) -> None:
    product.manage("prepare")
    product.manage("seed_demo")
    backup = product.folder / "backup"
    product.manage("backup", str(backup))
    assert backup.stat().st_mode & 0o777 == 0o600
    key = (product.folder / "key-encryption-key").read_bytes()
    with servers.product() as restored:
        without = restored.manage("restore", str(backup), check=False)
        assert without.returncode != 0
        assert "nothing can be signed" in without.stderr
        (restored.folder / "key-encryption-key").write_bytes(key)
        assert "fits" in restored.manage("restore", str(backup)).stdout
        answer = restored.manage("shell", "-c", ISSUE)
        assert answer.stdout.splitlines()[-1] == "issued"
        assert restored.manage("verify_audit").returncode == 0


ISSUE = """
from accounts.models import User
from certificates.models import IssuingPolicy
from certificates.services import issue, request_certificate, set_policy
from gateways.services import register
policy = IssuingPolicy.objects.filter(authority__isnull=False).first()
operator = User.objects.active_operators().first()
set_policy(policy.vendor, actor=operator, authority=policy.authority, automatic=True)
gateway = register(operator, policy.vendor, "00005E0053FFFE01")
request = request_certificate(operator, gateway, lifetime_days=90, idempotency_key="x", key_type="P-256")
issue(request.pk)
request.refresh_from_db()
print(request.state)
"""
