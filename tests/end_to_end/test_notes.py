"""The example with a database: its migration, secret, worker and schedule, from a push to a rollback."""

import json
import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import pytest

from apps.local.paths import REPOSITORY
from tests.conftest import Laptop
from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import add_service
from tests.end_to_end.service import Service
from tests.support.polling import PATIENCE_SECONDS, wait_for
from tools.demo.traffic import Traffic

pytestmark = pytest.mark.emulator

EXAMPLE = REPOSITORY / "examples" / "notes"
TOKEN, NEWER = "planted-notes-1", "planted-notes-2"


@dataclass(frozen=True)
class Notes:
    """The service with its first release in production."""

    service: Service
    first: str

    def ask(self, text: str = "", token: str = TOKEN) -> tuple[int, Any]:
        """Add a note, or list them without a text; return the status and the answer."""
        headers = {"Authorization": f"Bearer {token}"}
        url = self.service.url
        request = urllib.request.Request(url, text.encode() or None, headers)  # noqa: S310 - the load balancer's
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 - the same
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def logged(self, text: str) -> list[dict[str, Any]]:
        return self.service.operator.read("logs", self.service.name, "--since", "1d", "--grep", text).events

    def migration(self, number: int, sql: str) -> str:
        """Push another migration; return its release."""
        (self.service.copy / "migrations" / f"{number:04}_next.sql").write_text(f"{sql}\n")
        return self.service.promoted(self.service.built(self.service.push(f"Migration {number}")))


@pytest.fixture(scope="module")
def notes(operator: Operator, laptop: Laptop, tmp_path_factory: pytest.TempPathFactory) -> Notes:
    folder = tmp_path_factory.mktemp("notes")
    copy = folder / "notes"
    shutil.copytree(EXAMPLE, copy)
    file = copy / "lifecycle.toml"
    text = file.read_text().replace('cron = "0 3 * * *"', 'cron = "* * * * *"')
    file.write_text(text + '\n[environments.production]\nafter = "none"\n')
    service = add_service(operator, laptop, copy, 2)
    operator("config", "set", "notes", f"DATABASE_URL=sqlite:///{folder / 'notes.db'}", f"API_TOKEN={TOKEN}")
    first = service.promoted(service.built(service.push("The first notes")))
    output = service.deploy(first)
    assert output.end["state"] == "DONE", output
    return Notes(service, first)


def test_notes_are_taken_and_sent_after_the_migration(notes: Notes) -> None:
    assert notes.ask("hello") == (201, {"id": 1})
    assert notes.ask("hello", token="a guess")[0] == 401

    def sent() -> bool:
        return bool(notes.ask()[1][0]["sent"])

    wait_for("a worker to send it", sent)
    assert len(wait_for("the migration in the log", lambda: notes.logged("applied 0001_notes.sql"))) == 1
    assert len(wait_for("the worker's line in the log", lambda: notes.logged("sent note 1"))) == 1


def test_changed_secret_goes_out_and_comes_back(notes: Notes) -> None:
    operator = notes.service.operator
    operator("config", "set", "notes", f"API_TOKEN={NEWER}")
    with Traffic(notes.service.url, 50.0) as traffic:
        assert operator("deploy", "notes", "--config", "--yes").end["state"] == "DONE"
        assert [notes.ask("second", token)[0] for token in (TOKEN, NEWER)] == [401, 201]
        operator("rollback", "notes", "--reason", "the callers are not ready", "--yes")
    assert traffic.tally.failed == 0, traffic.tally.facts()
    assert [notes.ask("third", token)[0] for token in (TOKEN, NEWER)] == [201, 401]
    # The rollback has put that revision into quarantine, so the next deployment needs another one.
    operator("config", "set", "notes", f"API_TOKEN={TOKEN}")


def test_failed_migration_halts_before_any_host(notes: Notes) -> None:
    """The tests of the service find nothing: the migration does not suit the notes of production."""
    service = notes.service
    assert [notes.ask("twice")[0], notes.ask("twice")[0]] == [201, 201]
    broken = notes.migration(2, "create unique index note_text on note (text)")
    with Traffic(service.url, 50.0) as traffic:
        output = service.deploy(broken, code=1)
        question = service.wait_until("HALTED")
        assert "0002_next.sql: UNIQUE constraint failed: note.text" in question["evidence"]
        assert set(service.installed().values()) == {notes.first}
        service.operator("decide", output.facts["deployment"], "ABORT", "--yes", "--why", "it is broken")
        wait_for("the lease to be free", lambda: service.status()["lease"] is None)
    assert traffic.tally.failed == 0, traffic.tally.facts()
    assert traffic.tally.versions.keys() == {notes.first}


def test_good_migration_goes_out_and_its_version_comes_back(notes: Notes) -> None:
    service = notes.service
    better = notes.migration(2, "alter table note add column author text")
    with Traffic(service.url, 50.0) as traffic:
        assert service.deploy(better).end["state"] == "DONE"
        service.operator("rollback", "notes", "--reason", "a test", "--yes")
    assert traffic.tally.failed == 0, traffic.tally.facts()
    assert set(service.installed().values()) == {notes.first}
    assert notes.ask("after the rollback")[0] == 201
    assert len(notes.logged("applied 0002_next.sql")) == 1


def test_schedule_counts_the_notes(notes: Notes) -> None:
    lines = wait_for("a report in the log", lambda: notes.logged("of them not sent"))
    assert {line["process"] for line in lines} == {"report"}
    assert TOKEN not in json.dumps(lines)
    (found,) = notes.service.status()["schedules"]
    assert found["name"] == "report"
