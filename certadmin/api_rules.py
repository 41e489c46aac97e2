"""What the OpenAPI document says of each operation, as the gate looks it up: nothing is said twice."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from certadmin.api import api
from core.api import MAX_BODY

_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True, slots=True)
class Rule:
    """Which parameters the address may have, and what a body may be."""

    names: frozenset[str]
    kinds: frozenset[str]
    max_body: int


@cache
def rules() -> dict[tuple[str, str], Rule]:
    """By the route as Django writes it, and the method."""
    paths = api.get_openapi_schema()["paths"]
    by_path = {path: {verb.upper(): _rule(each) for verb, each in methods.items()} for path, methods in paths.items()}
    return {
        (route, verb): rule
        for route in _routes()
        for verb, rule in by_path.get("/" + _CONVERTER.sub(r"{\1}", route), {}).items()
    }


def _routes() -> list[str]:
    return [f"api/v1/{pattern.pattern}" for pattern in api.urls[0]]


def _rule(operation: dict[str, Any]) -> Rule:
    names = frozenset(each["name"] for each in operation["parameters"] if each["in"] == "query")
    kinds = frozenset(operation.get("requestBody", {}).get("content", {}))
    return Rule(names, kinds, operation.get(MAX_BODY, 0))
