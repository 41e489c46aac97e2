"""The look for what ends does not wait for its hour when the product starts."""

import sqlite3

import pytest

from tests import servers


@pytest.mark.slow
def test_a_start_looks_for_what_ends() -> None:
    """Fails without `app.send_task` in certadmin/celery.look_at_once: the first look would come after an hour."""
    with servers.product() as product:
        product.start()

        def has_looked() -> bool:
            with sqlite3.connect(product.folder / "certadmin.sqlite3") as database:
                beats = database.execute("SELECT count(*) FROM audit_heartbeat WHERE job = 'send due notices'")
                return bool(beats.fetchone()[0])

        servers.wait_until(has_looked, seconds=30, what="the look for what ends")
