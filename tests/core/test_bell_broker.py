"""What the bell does when the broker refuses: a process of its own, so that no other test meets that broker."""

import json
import subprocess
import sys
from pathlib import Path

from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
RING = """
import json, os, time
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django; django.setup()
from django.conf import settings
settings.CELERY_BROKER_URL = "redis://127.0.0.1:%d/0"
from certadmin.celery import app
app.conf.broker_url = settings.CELERY_BROKER_URL
from celery import shared_task
from core import bell
@shared_task(name="tests.never")
def task(*ids): pass
times = []
for _ in range(50):
    start = time.monotonic()
    bell._call(task, (1,))
    times.append(time.monotonic() - start)
print(json.dumps({"first": times[0], "rest": sum(times[1:])}))
"""


def test_a_refusing_broker_is_asked_once_and_then_left_alone() -> None:
    """G4. Fails when `_publish` lets the error through, or when the breaker no longer opens."""
    done = subprocess.run(
        [sys.executable, "-c", RING % free_port()], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    took = json.loads(done.stdout.splitlines()[-1])
    assert took["first"] < 2.5
    assert took["rest"] < 0.5
    assert "broker does not answer" in done.stderr
