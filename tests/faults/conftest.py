"""PostgreSQL and Redis for all faults, and a fresh deployment for each."""

from collections.abc import Iterator

import pytest

from tests import servers
from tests.faults.deployment import Deployment, deployment, prepared
from tests.servers import Postgres, Redis


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with servers.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    with servers.redis() as server:
        yield server


@pytest.fixture(scope="session")
def template(postgres: Postgres, redis: Redis) -> str:
    return prepared(postgres, redis)


@pytest.fixture
def desk(postgres: Postgres, redis: Redis, template: str) -> Iterator[Deployment]:
    with deployment(postgres, redis, like=template) as made:
        yield made
