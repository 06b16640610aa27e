"""Faults planted in the host agent, apps/agent."""

from tests.simulation.planted import Planted
from tests.simulation.plants.signatures import SIGNED_WITHOUT_MANIFEST

_DECIDE = "apps.agent.decide"
_AGENT = "apps.agent.agent"
_INSTALLER = "apps.agent.installer"
_INSTALLS = "tests/integration/agent/test_install.py"
_UNPACKING = "tests/integration/agent/test_unpack.py"

FAULTS = (
    Planted(
        "an-agent-believes-the-artifact-store",
        (25,),
        "apps.agent.fetch",
        "    if turn.manifest and found != turn.manifest:\n",
        "    if False:\n",
        beside=(SIGNED_WITHOUT_MANIFEST,),
    ),
    Planted(
        "a-prefetch-installs",
        (17, 2),
        _DECIDE,
        "    return Install(turn, reason) if turn.order in INSTALL_ORDERS else Fetch(turn, reason)",
        "    return Install(turn, reason)",
    ),
    Planted(
        "an-older-attempt-is-taken",
        (5, 7),
        _DECIDE,
        "    if turn.order is not Order.IDLE and key(turn) < key(acted):",
        "    if False:",
        "tests/unit/agent/test_decide.py",
    ),
    Planted(
        "an-agent-never-gives-up",
        (7, 20),
        _DECIDE,
        "    if turn.order in INSTALL_ORDERS and acted.tries >= MAXIMUM_TRIES:",
        "    if False:",
    ),
    Planted(
        "an-expired-turn-is-begun",
        (4, 5),
        _DECIDE,
        "    if now >= turn.expires_at:\n        return Ignore(",
        "    if False:\n        return Ignore(",
        "tests/unit/agent/test_decide.py",
    ),
    Planted(
        "a-lost-disk-forgets-the-fence",
        (14,),
        _DECIDE,
        "    if report is None or report.epoch == 0:\n        return State()",
        "    if True:\n        return State()",
        "tests/unit/agent/test_decide.py",
    ),
    Planted(
        "a-failed-self-test-is-done",
        (2, 9),
        _AGENT,
        "        if result.passed:\n",
        "        if True:\n",
        f"{_INSTALLS}::test_a_self_test_with_a_bad_status_fails_and_leaves_the_host_as_it_is",
    ),
    Planted(
        "the-rollback-target-is-deleted",
        (15,),
        _AGENT,
        "        self._release_store.prune((turn.version, state.verified, state.previous))",
        "        self._release_store.prune((turn.version,))",
    ),
    Planted(
        "a-lost-ledger-stops-the-service",
        (17, 18),
        _AGENT,
        "            if not self._pause:\n",
        "            self._service.stop()\n            if not self._pause:\n",
    ),
    Planted(
        "the-self-test-is-skipped",
        (2, 9),
        _INSTALLER,
        "        detail, passed = self._run_self_test(manifest, prepared.folder, environment)",
        '        detail, passed = "not run", True',
    ),
    Planted(
        "started-before-the-switch",
        (13, 3),
        _INSTALLER,
        "        self._release_store.switch(turn.version)\n",
        "",
    ),
    Planted(
        "other-bytes-than-the-turns-are-fetched",
        (13,),
        "apps.agent.fetch",
        "    if manifest.digest != turn.digest:",
        "    if False:",
        f"{_INSTALLS}::test_a_manifest_with_another_digest_than_the_turn_is_refused",
    ),
    Planted(
        "a-changed-tree-is-run",
        (13,),
        "apps.agent.release_store",
        "owner and fingerprint(tree) == checked.tree",
        "owner",
        f"{_INSTALLS}::test_a_tree_that_was_changed_on_the_disk_is_unpacked_again",
    ),
    Planted(
        "an-open-port-is-ready",
        (2,),
        "apps.agent.self_test",
        "    return None if 200 <= status < 300 else text",
        "    return None",
        "tests/integration/agent/test_ready.py::"
        "test_service_that_never_gets_warm_fails_with_its_last_answer[503-it answered 503 warming]",
    ),
    Planted(
        "a-daemon-is-left",
        (33,),
        "apps.agent.leftovers",
        "        return any(pair.startswith(self._prefix) for pair in environment)",
        "        return False",
        "tests/integration/agent/test_leftovers.py::test_helpers_of_an_older_version_are_ended_with_it",
    ),
    Planted(
        "a-version-that-left-a-process-quarantines-the-host",
        (33,),
        "lifecycle.domain.rollout.diagnosis",
        "    if not report.leftover:",
        "    if True:",
        "tests/unit/rollout/test_diagnosis.py",
    ),
    Planted(
        "a-header-of-any-length-is-read",
        (20,),
        "apps.agent.tar_reader",
        "        if size > self._limits.header_bytes:",
        "        if False:",
        f"{_UNPACKING}::test_a_costly_archive_is_refused_at_once[huge attributes]",
    ),
    Planted(
        "folders-that-no-member-names-are-not-counted",
        (20,),
        "apps.agent.unpack",
        "        self._count(name)\n        try:",
        "        try:",
        f"{_UNPACKING}::test_a_costly_archive_is_refused_at_once[folders that no member names]",
    ),
    Planted(
        "an-archive-has-all-the-time-of-the-world",
        (20,),
        "apps.agent.tar_reader",
        "        if self._clock() > self._deadline:",
        "        if False:",
        f"{_UNPACKING}::test_archive_that_takes_too_long_is_refused[read]",
    ),
    Planted(
        "a-time-out-is-an-exit-code",
        (35,),
        "apps.agent.schedules",
        "        if text in _TIMED_OUT:",
        "        if False:",
        "tests/integration/agent/test_schedules.py::test_end_that_an_older_agent_wrote_is_read[124-it did not end within 3600 s]",
    ),
    Planted(
        "a-failed-fetch-stays",
        (15,),
        "apps.agent.release_store",
        "            self._empty_tmp()\n            self._remove_unchecked(turn.version)\n            raise",
        "            raise",
        "tests/integration/agent/test_full_disk.py::test_artifact_that_cannot_be_unpacked_leaves_nothing",
    ),
)
