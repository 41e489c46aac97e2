"""Secrets of a whole deployment, searched for in all that its processes leave: PostgreSQL, Redis, logs and files."""

import base64

import redis as redis_client
from psycopg import sql

from tests import canary
from tests.canary import Secret
from tests.faults.deployment import Deployment


def secrets(desk: Deployment) -> list[Secret]:
    """The key-encryption key, and every private key that is sealed in the database."""
    kek = canary.of_octets("the key-encryption key", base64.b64decode(desk.environment["CERTADMIN_KEK"]))
    keys = [(name, bytes.fromhex(pkcs8)) for name, pkcs8 in desk.act("private_keys")]
    return [kek, *(canary.of_key(name, pkcs8) for name, pkcs8 in keys)]


def sinks(desk: Deployment) -> dict[str, bytes]:
    return {
        "rows of PostgreSQL": _rows(desk),
        "write-ahead log of PostgreSQL": _without_zeros(canary.files_below(desk.postgres.folder / "data" / "pg_wal")),
        "log of PostgreSQL": (desk.postgres.folder / "log").read_bytes(),
        "what Redis holds": _held(desk),
        "what Redis was ever told": canary.files_below(desk.redis.folder),
        "logs": desk.log.encode(errors="surrogateescape"),
        "files": canary.files_below(desk.folder),
    }


def _rows(desk: Deployment) -> bytes:
    names = desk.rows("SELECT schemaname, tablename FROM pg_tables WHERE schemaname = current_schema()")
    parts = []
    for schema, table in names:
        query = sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, table)).as_string()
        parts += [canary.as_bytes(value) for row in desk.rows(query) for value in row]
    return b"\n".join(parts)


def _without_zeros(content: bytes) -> bytes:
    """Its files have 16 MB each, most of it empty."""
    return content.replace(bytes(64), b"")


def _held(desk: Deployment) -> bytes:
    """Every key of every database, as Redis itself writes it down."""
    client = redis_client.Redis.from_url(desk.redis.url)
    return b"\n".join(key + b"\n" + (client.dump(key) or b"") for key in client.scan_iter())


def plant(desk: Deployment, secret: Secret) -> None:
    """The secret in each sink, each time in another form."""
    (desk.folder / "planted").write_bytes(secret.forms["scalar, octets"])
    with (desk.folder / "log").open("ab") as log:
        log.write(secret.forms["scalar, decimal"])
    redis_client.Redis.from_url(desk.redis.url).set("planted", secret.forms["scalar, base64 at 2"])
    desk.execute(f"UPDATE accounts_vendor SET name = '{secret.forms['scalar, hexadecimal'].decode()}'")
