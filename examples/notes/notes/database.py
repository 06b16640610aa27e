"""The database: DATABASE_URL names it, and the migrations make its tables."""

import os
import sqlite3
from pathlib import Path

MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"
_SCHEME = "sqlite:///"


def connect(url: str = "") -> sqlite3.Connection:
    """Open the database of a URL such as `sqlite:////var/lib/notes.db`; that of DATABASE_URL by default."""
    url = url or os.environ.get("DATABASE_URL", "")
    if not url.startswith(_SCHEME):
        raise SystemExit(f"DATABASE_URL: expected {_SCHEME} and a path, found a URL of another kind, or none")
    connection = sqlite3.connect(url.removeprefix(_SCHEME), timeout=10)
    connection.execute("pragma journal_mode = wal")  # readers do not wait for the writer
    return connection


def applied(connection: sqlite3.Connection) -> set[str]:
    """Return the names of the migrations that this database has."""
    connection.execute("create table if not exists migration (name text primary key)")
    return {name for (name,) in connection.execute("select name from migration")}


def missing(connection: sqlite3.Connection) -> list[Path]:
    """Return the migrations that this database lacks, in their order. Newer ones of another version do no harm."""
    done = applied(connection)
    return [each for each in sorted(MIGRATIONS.glob("*.sql")) if each.name not in done]
