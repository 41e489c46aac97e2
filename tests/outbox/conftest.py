"""A receiver of webhooks on this machine, which the settings allow."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.outbox.receiver import Receiver, receiver


@pytest.fixture
def hook(settings: Settings) -> Iterator[Receiver]:
    settings.PRIVATE_HOSTS = ["127.0.0.1"]
    with receiver() as made:
        yield made
