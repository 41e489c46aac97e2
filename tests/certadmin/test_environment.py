"""Settings from the environment."""

import re
import threading
from pathlib import Path

import pytest

from certadmin import environment

ROOT = Path(__file__).resolve().parents[2]


def test_a_secret_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    monkeypatch.setenv("CERTADMIN_THING_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("CERTADMIN_THING", "from the environment")
    assert environment.text("THING") == "from the file"


def test_a_secret_is_made_once_even_by_many(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "secret"
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(environment.secret_in(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_database_url_is_read() -> None:
    settings = environment.database("postgresql://me:p%40ss@db:5433/certs?sslmode=require")
    assert (settings["USER"], settings["PASSWORD"], settings["HOST"], settings["PORT"], settings["NAME"]) == (
        "me", "p@ss", "db", "5433", "certs",
    )  # fmt: skip
    assert settings["OPTIONS"]["sslmode"] == "require"


def test_sqlite_survives_a_power_cut() -> None:
    """G1. Fails when `synchronous=FULL` is dropped: a commit may then be lost after the key was used."""
    options = environment.database("sqlite:////data/x.sqlite3")["OPTIONS"]
    assert "synchronous=FULL" in options["init_command"]
    assert options["transaction_mode"] == "IMMEDIATE"


@pytest.mark.parametrize(
    ("url", "ssl", "starttls"),
    [("smtps://h:465", True, False), ("smtp://h:587?tls=starttls", False, True), ("smtp://h", False, False)],
)
def test_a_mail_url_is_read(url: str, ssl: bool, starttls: bool) -> None:
    settings = environment.mail(url)
    assert (settings["EMAIL_USE_SSL"], settings["EMAIL_USE_TLS"]) == (ssl, starttls)


def test_a_long_socket_name_becomes_a_short_private_one(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 100) / "redis.sock"
    short = environment.short_socket(path)
    assert len(str(short)) < 100
    assert short.parent.stat().st_mode & 0o777 == 0o700
    assert environment.short_socket(path) == short


def test_every_setting_is_named_in_the_example() -> None:
    sources = [path for folder in ("certadmin", "accounts", "trust") for path in (ROOT / folder).rglob("*.py")]
    text = "\n".join(path.read_text() for path in sources)
    read = set(re.findall(r"environment\.(?:text|flag|number|words|zone)\(\s*\"([A-Z0-9_]+)\"", text))
    read |= {name.removeprefix("CERTADMIN_") for name in re.findall(r"\"(CERTADMIN_[A-Z0-9_]+)\"", text)}
    example = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^#?CERTADMIN_([A-Z0-9_]+)=", example, re.MULTILINE))
    assert read - named == set()
    assert named - read == set()
