"""The faults themselves: `make test` runs them with a few requests, `make soak` with many."""

import time

import redis as redis_client

from tests.faults import reader
from tests.faults.deployment import Deployment

OTHER_KEK = "/////////////////////////////////////////w8="


def nothing_breaks(desk: Deployment, count: int) -> None:
    desk.start("worker")
    desk.start("beat")
    desk.act("request", 0, count)
    desk.settle()
    assert desk.in_time("SELECT count(*) = 0 FROM audit_record r LEFT JOIN audit_seal s ON s.record_id = r.id "
                        "WHERE s.record_id IS NULL"), "nothing seals"  # fmt: skip
    reader.check(desk, issued=count)


def killed_worker(desk: Deployment, count: int, *, kills: int = 3) -> None:
    """`kill -9` again and again while requests are worked on."""
    desk.start("beat")
    worker = desk.start("worker")
    desk.act("request", 0, count)
    for _ in range(kills):
        time.sleep(0.7)
        desk.kill(worker)
        worker = desk.start("worker")
    desk.settle(seconds=120)
    reader.check(desk, issued=count)


def emptied_redis(desk: Deployment, count: int) -> None:
    desk.act("request", 0, count)
    redis_client.Redis.from_url(desk.redis.url).flushall()
    desk.start("worker")
    desk.start("beat")
    desk.settle(seconds=120)
    reader.check(desk, issued=count)


def refusing_redis(desk: Deployment, count: int, *, seconds: float = 2) -> None:
    desk.start("worker")
    desk.start("beat")
    desk.redis.stop()
    try:
        desk.act("request", 0, count)  # a person can go on asking
        time.sleep(seconds)
    finally:
        desk.redis.start()
    desk.settle(seconds=120)
    reader.check(desk, issued=count)


def restarted_postgres(desk: Deployment, count: int, *, restarts: int = 2) -> None:
    desk.start("beat")
    desk.start("worker")
    desk.act("request", 0, count)
    for _ in range(restarts):
        time.sleep(0.5)
        desk.postgres.stop(3)  # SIGQUIT: immediate, as after a crash
        desk.postgres.start()
    desk.settle(seconds=120)
    reader.check(desk, issued=count)


def late_postgres(desk: Deployment, count: int) -> None:
    desk.act("request", 0, count)
    desk.postgres.stop()
    desk.start("beat")
    worker = desk.start("worker")
    time.sleep(5)
    desk.postgres.start()
    desk.settle(seconds=120)
    assert worker.poll() is None
    reader.check(desk, issued=count)


def two_of_everything(desk: Deployment, count: int) -> None:
    for name in ("worker", "worker", "beat", "beat"):
        desk.start(name)
    desk.act("request", 0, count)
    desk.settle()
    reader.check(desk, issued=count)


def double_click(desk: Deployment, count: int) -> None:
    desk.start("worker")
    desk.start("worker")
    desk.start("beat")
    desk.act("request", 0, count)
    desk.act("again", 0, count)
    desk.settle()
    reader.check(desk, issued=count)


def failing_insert(desk: Deployment, count: int) -> None:
    """A trigger refuses one gateway's certificate: it may exist, the others flow."""
    desk.execute(
        "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'disk full'; END $$ LANGUAGE plpgsql"
    )
    desk.act("request", 0, 1)
    first = desk.number("SELECT min(id) FROM certificates_request")
    desk.execute(
        f"CREATE TRIGGER refuse BEFORE INSERT ON certificates_certificate FOR EACH ROW "
        f"WHEN (NEW.request_id = {first}) EXECUTE FUNCTION refuse()"
    )
    desk.start("worker", extra={"CERTADMIN_LEASE_SECONDS": "1"})  # so that its tries follow each other soon
    desk.start("beat")
    desk.act("request", 1, count - 1)
    desk.settle(seconds=120)
    assert desk.rows("SELECT state FROM certificates_request WHERE id = %s", first) == [("may-exist",)]
    serial = desk.rows("SELECT s.serial FROM cas_signing s JOIN certificates_request r ON r.signing_id = s.id "
                       "WHERE r.id = %s", first)  # fmt: skip
    assert len(serial) == 1
    reader.check(desk, issued=count - 1)


def missing_kek(desk: Deployment, count: int) -> None:
    """The worker has lost its key: nothing is signed; with the key back, everything is."""
    desk.act("request", 0, count)
    before = desk.number("SELECT coalesce(sum(signatures), 0) FROM keys_key")
    desk.act_with({"CERTADMIN_KEK": OTHER_KEK}, "sweep_once")
    assert desk.number("SELECT coalesce(sum(signatures), 0) FROM keys_key") == before
    assert desk.rows("SELECT DISTINCT state FROM certificates_request") == [("approved",)]
    desk.start("worker")
    desk.start("beat")
    desk.settle(seconds=120)
    reader.check(desk, issued=count)
