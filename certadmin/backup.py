"""One file with everything but the key-encryption key, without which it opens nothing."""

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from django.db import connection

from core.errors import Refused


def write(target: Path) -> None:
    """Write a consistent copy of the database to `target` while the product runs. Never overwrites."""
    if target.exists():
        raise Refused("file-exists", f"{target} exists already. Choose a new name: a backup is never overwritten.")
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    if connection.vendor == "sqlite":
        _copy_sqlite(Path(connection.settings_dict["NAME"]), partial)
    else:
        _run("pg_dump", "--format=custom", f"--file={partial}")
    partial.rename(target)


def restore(source: Path) -> None:
    """Put the database back as `source` holds it. The product must not be running."""
    if not source.is_file():
        raise Refused("no-backup", f"{source} does not exist.")
    if connection.vendor == "sqlite":
        connection.close()
        database = Path(connection.settings_dict["NAME"])
        database.parent.mkdir(parents=True, exist_ok=True)
        _check_sqlite(source)
        _copy_sqlite(source, database)
    else:
        _run("pg_restore", "--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error", source)


def _copy_sqlite(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as reader, closing(sqlite3.connect(target)) as writer:
        reader.backup(writer)


def _check_sqlite(source: Path) -> None:
    try:
        with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as reader:
            good = reader.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    except sqlite3.DatabaseError:
        good = False
    if not good:
        raise Refused("damaged-backup", f"{source} is damaged or no backup of this kind of database.")


def _run(program: str, *arguments: str | Path) -> None:
    """Run a PostgreSQL client on our database; the password goes through the environment, never the command line."""
    settings = connection.settings_dict
    environment = {
        **os.environ,
        "PGHOST": settings["HOST"],
        "PGPORT": settings["PORT"] or "5432",
        "PGUSER": settings["USER"],
        "PGPASSWORD": settings["PASSWORD"],
    }
    where = f"--dbname={settings['NAME']}"
    done = subprocess.run([program, where, *arguments], env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise Refused("backup-failed", f"{program} said: {done.stderr.strip()[:400]}")
