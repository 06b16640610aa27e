"""The release command: bring the database to this version's tables. It may run again.

A migration must suit the version before it too, which serves while it runs and after a rollback.
"""

import sqlite3
from contextlib import closing

from notes.database import connect, missing


def main() -> None:
    with closing(connect()) as connection:
        for each in missing(connection):
            try:
                connection.executescript(
                    f"begin; {each.read_text(encoding='utf-8')}; insert into migration values ('{each.name}'); commit"
                )
            except sqlite3.Error as error:
                raise SystemExit(f"{each.name}: {error}") from error
            print(f"applied {each.name}")
        print("the database is up to date")


if __name__ == "__main__":
    main()
