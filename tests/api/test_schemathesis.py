"""schemathesis asks what the OpenAPI document allows and forbids, with all of its checks, and finds nothing."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import ProgramOf
from tests.servers import ROOT
from tests.world import World

pytestmark = pytest.mark.slow
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "6")
SECONDS = os.environ.get("SCHEMATHESIS_SECONDS", "18")


@pytest.mark.parametrize("role", ["operator", "vendor_user"])
def test_it_finds_nothing(
    role: str,
    live_server: Any,
    world: World,
    request: pytest.FixtureRequest,
    program_of: ProgramOf,
    settings: Any,
    tmp_path: Path,
) -> None:
    settings.API_CALLS_PER_MINUTE = 10_000_000
    secret = program_of(request.getfixturevalue(role)).secret
    where = f"{live_server.url}/api/v1/openapi.json"
    config = str(Path(__file__).parent / "schemathesis" / "schemathesis.toml")
    asked = ["--checks", "all", "--max-examples", EXAMPLES, "--max-time", SECONDS, "--seed", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "--config-file", config, "run", where, *asked],
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"} | {"TOKEN": secret},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
