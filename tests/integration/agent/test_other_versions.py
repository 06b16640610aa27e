"""A service changes neither the next version nor the one that it is rolled back to: their trees are its user's."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.agent.release_store import ReleaseStore
from apps.agent.service import Service
from apps.agent.service_account import find
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.service.manifest import Check, Run
from lifecycle.domain.service.trusted_keys import keys_text
from tests.fakes.agent import MemoryReleases, Outage
from tests.integration.agent.host import Host, manifest_of, pack
from tests.integration.agent.test_service_account import USER, needs_root
from tests.integration.agent.test_signatures import OURS, envelope
from tests.support.polling import PATIENCE_SECONDS

pytestmark = needs_root
QUIET = "#!/bin/sh\nexec sleep 60\n"


def bad(other: str) -> str:
    """Return a service that writes into another version when it is asked to end."""
    evil = "#!/bin/sh\\necho EVIL > proof\\nexec sleep 60\\n"
    trap = f"trap 'printf \"{evil}\" > ../{other}/run.sh; exit 0' TERM"
    return f"#!/bin/sh\n{trap}\nwhile :; do sleep 0.05; done\n"


@pytest.fixture
def above() -> Iterator[Path]:
    """Return a folder that another user can enter, which pytest's own ones are not."""
    made = Path(tempfile.mkdtemp(prefix="lifecycle-account-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def published(host: Host, version: str, script: str) -> None:
    check = Check(command="true", timeout_seconds=5.0)
    made = host.publish(version, "sh run.sh", check, files={"run.sh": script})
    worker = replace(made, run=replace(made.run, http=False, port=0), is_alive=Check())
    host.releases.publish(worker, host.releases.published["hello", version][1])
    host.releases.envelopes["hello", version] = envelope(worker)


@pytest.mark.parametrize(("first", "second", "back"), [(bad("1.0.1"), QUIET, False), (QUIET, bad("1.0.0"), True)])
def test_version_that_ends_changes_no_other(above: Path, first: str, second: str, *, back: bool) -> None:
    keys = above / "keys"
    keys.write_text(keys_text([OURS.trusted]))
    host = Host(above / "home")
    host.settings = replace(host.settings, service_user=USER, port=0, trusted_keys=keys)
    try:
        host.start()
        published(host, "1.0.0", first)
        published(host, "1.0.1", second)
        host.install("1.0.0")
        host.turn(Order.PREFETCH, "1.0.1")
        time.sleep(1)
        host.install("1.0.1")
        if back:
            host.install("1.0.0", goes_back=True)
        time.sleep(0.5)
        tree = above / "home" / "releases" / ("1.0.0" if back else "1.0.1")
        assert (tree / "run.sh").read_text() == (first if back else second)
        assert not (tree / "proof").exists()
    finally:
        host.close()
        if started := Service(host.settings.home).started:
            os.killpg(started.pid, signal.SIGKILL)


def test_tree_is_recorded_as_it_was_before_its_user_could_find_it(above: Path) -> None:
    """A process of the running version waits for the next version's tree, to write into it at once."""
    waits = 'until (printf EVIL > "$1") 2>/dev/null; do :; done'
    account = find(USER)
    assert account is not None
    home, releases = above / "home", MemoryReleases(Outage())
    store = ReleaseStore(home, "hello", releases, account=account)
    (home / "logs").mkdir()
    account.protect(home)
    artifact = pack({**{f"lib/{number}.py": "x = 1\n" for number in range(1000)}, "version": "GOOD"})
    made = manifest_of("1.0.1", artifact, Run("sh run.sh", 8080), Check("/self_test"))
    releases.publish(made, artifact)
    now = datetime.now(UTC)
    turn = Turn("h", Order.PREFETCH, "d", 1, 0, "1.0.1", made.digest, issued_at=now, expires_at=now)
    place = home / "releases" / "1.0.1" / "version"
    command = ["/bin/sh", "-c", waits, "sh", str(place)]
    waiting = subprocess.Popen(command, user=account.uid, group=account.gid, cwd="/")
    try:
        time.sleep(0.2)
        store.prepare(turn, lambda: None)
        waiting.wait(PATIENCE_SECONDS)
        again = store.prepared_again(turn, store.prepare(turn, lambda: None))
    finally:
        waiting.kill()
        waiting.wait()
    store.place(again)
    assert place.read_text() == "GOOD"
