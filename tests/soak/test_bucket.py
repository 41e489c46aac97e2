"""A thousand polls of a bucket behind a bad way, while releases are published to it."""

import itertools
import logging
import time
from collections.abc import Callable

import pytest

from accounts.models import User
from cas.models import Authority
from tests.pki.makers import Made, make_issuing
from tests.soak.conftest import ROWS
from tests.stores import Way, polling, s3_store
from tests.trust.conftest import authority, authority_of, endpoint, group, issuing, root, roots, trusted
from tests.trust.test_faults import REQUESTS, bucket, fail_at, way
from trust.models import Group, Store
from trust.services.groups import add_to_group
from trust.services.releases import publish_release
from trust.tasks import publish

__all__ = ["authority", "authority_of", "bucket", "endpoint", "group", "issuing", "root", "roots", "trusted", "way"]
pytestmark = pytest.mark.soak
POLLS = 1000
FAULTS = ("500", "cut", "half", "lose", "slow")


def test_every_poll_of_a_bucket_behind_a_bad_way_sees_a_whole_release(
    bucket: Store, way: Way, endpoint: str, operator: User, group: Group, trusted: Authority,
    authority_of: Callable[..., Authority], root: Made,
) -> None:  # fmt: skip
    """500, connections cut before and within an answer, answers lost, and answers that come too late."""
    logging.getLogger("werkzeug").setLevel("WARNING")  # a line for each poll would bury the table
    start, result, seen = time.monotonic(), "FAILED", list[tuple[bytes, ...] | Exception]()
    objects = s3_store(endpoint, prefix=bucket.prefix)
    publish(publish_release(operator, group).publications.get().pk)
    try:
        with polling(objects) as seen:
            for number, (at, fault) in enumerate(itertools.cycle(itertools.product(range(REQUESTS), FAULTS))):
                if number >= REQUESTS * len(FAULTS) and len(seen) >= POLLS:
                    break
                way.fault = fail_at(at, fault)
                add_to_group(operator, group, authority_of(make_issuing(root, f"CA {number}")))
                publish(publish_release(operator, group).publications.get().pk)
        assert [each for each in seen if isinstance(each, Exception)] == []
        result = "passed"
    finally:
        ROWS.append(("polls of a bucket behind a bad way", len(seen), result, time.monotonic() - start))
