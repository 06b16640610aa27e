"""The schedule: it prints how many notes there are, once for the whole cluster."""

from contextlib import closing

from notes.database import connect


def main() -> None:
    with closing(connect()) as connection:
        total, waiting = connection.execute("select count(*), coalesce(sum(sent = 0), 0) from note").fetchone()
    print(f"{total} notes, {waiting} of them not sent")


if __name__ == "__main__":
    main()
