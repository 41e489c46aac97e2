"""One table at the end: each fault, how many requests it met, and whether nothing was lost or doubled."""

import sys
from collections.abc import Iterator

import pytest

from tests.faults.conftest import desk, postgres, redis, template

__all__ = ["desk", "postgres", "redis", "template"]
ROWS: list[tuple[str, int, str, float]] = []


@pytest.fixture(scope="session", autouse=True)
def table() -> Iterator[None]:
    yield
    lines = [f"\n\n{'fault':<58} {'count':>6}  {'result':<8} {'seconds':>8}"]
    lines += [f"{name:<58} {count:>6}  {result:<8} {seconds:>8.1f}" for name, count, result, seconds in ROWS]
    sys.stdout.write("\n".join([*lines, ""]))
