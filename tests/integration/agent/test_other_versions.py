"""A service changes neither the next version nor the one that it is rolled back to: their trees are its user's."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from apps.agent.service import Service
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.service.manifest import Check
from lifecycle.domain.service.trusted_keys import keys_text
from tests.integration.agent.host import Host
from tests.integration.agent.test_service_account import USER, needs_root
from tests.integration.agent.test_signatures import OURS, envelope

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
