"""Reads docker-compose.yml as Docker does, as far as that file needs it."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)(?::([-?])([^}]*))?\}")


def services(environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the services with `${NAME:-default}` and `${NAME:?needed}` filled in from `environment`."""
    text = (ROOT / "docker-compose.yml").read_text()
    document: dict[str, Any] = yaml.safe_load(_fill(text, environment))
    found: dict[str, dict[str, Any]] = document["services"]
    return found


def _fill(text: str, environment: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name, kind, default = match.groups()
        if environment.get(name):
            return environment[name]
        if kind == "?":
            raise KeyError(f"{name} is needed: {default}")
        return default or ""

    return _VARIABLE.sub(value, text)


def example() -> dict[str, str]:
    """The settings that .env.example says are needed, with values for a test."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    needed = [line.split("=")[0] for line in lines if re.match(r"^[A-Z]", line)]
    return {name: os.urandom(8).hex() for name in needed}
