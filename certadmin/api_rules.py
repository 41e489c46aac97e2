"""What the OpenAPI document says of each operation, as the gate looks it up: nothing is said twice."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from certadmin.api import api
from core.api import MAX_BODY, STREAMED

LONGEST = 200
_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True, slots=True)
class Rule:
    """Which parameters the address may have, and what a body may be."""

    lengths: dict[str, int]  # by the parameter's name, the most characters that it may have
    kinds: frozenset[str]
    max_body: int
    is_streamed: bool  # the operation reads the body itself, and knows what was sent under which key


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
    asked = [each for each in operation["parameters"] if each["in"] == "query"]
    lengths = {each["name"]: each["schema"].get("maxLength", LONGEST) for each in asked}
    kinds = frozenset(operation.get("requestBody", {}).get("content", {}))
    return Rule(lengths, kinds, operation.get(MAX_BODY, 0), operation.get(STREAMED, False))
