"""The work of a turn, stage by stage: fetch a version, or install it and self-test it.

Called by agent.py after decide.py chose Fetch or Install. Every step is idempotent: a turn that starts over gives
the same result.
"""

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from apps.agent.errors import ServiceFailed, StoreUnreachable
from apps.agent.release_store import Prepared, ReleaseStore
from apps.agent.self_test import check_port_is_free, self_test, wait_until_ready
from apps.agent.service import Service
from apps.agent.settings import Settings
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.fleet.host import AgentStage, SelfTest
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.service.manifest import Manifest

logger = logging.getLogger(__name__)

_EXIT_GRACE_SECONDS = 0.5
_FETCH_RETRY_SECONDS = (0.2, 0.5, 1.0)
_TAIL_LINES = 20
_TAIL_BYTES = 4000


class Installer:
    """The fetch and the install of one host; it calls `announce` at the beginning of each stage."""

    def __init__(
        self,
        settings: Settings,
        release_store: ReleaseStore,
        service: Service,
        announce: Callable[[AgentStage], None],
    ) -> None:
        self._settings = settings
        self._release_store = release_store
        self._service = service
        self._announce = announce

    def fetch(self, turn: Turn) -> None:
        """Fetch, check and unpack the turn's version; leave the running service alone."""
        prepared = self._release_store.prepare(turn, lambda: self._announce(AgentStage.FETCHING))
        if turn.version != self._release_store.current():
            self._release_store.place(prepared)

    def install(self, turn: Turn) -> SelfTest:
        """Switch the service to the turn's version and self-test it.

        An error leaves the host as it is at that moment; nothing is rolled back here.
        """
        prepared = self._prepare(turn)
        manifest = prepared.manifest
        self._announce(AgentStage.INSTALLING)
        self._service.stop()
        check_port_is_free(self._settings.address, self._settings.port)
        self._release_store.place(prepared)
        self._release_store.switch(turn.version)
        self._announce(AgentStage.STARTING)
        environment = service_environment(manifest, self._settings)
        started = self._service.start(manifest, prepared.folder, environment)
        wait_until_ready(self._settings.address, self._settings.port, manifest.run.start_seconds, self._exit_reason)
        self._announce(AgentStage.SELF_TESTING)
        detail, passed = self._run_self_test(manifest, prepared.folder, environment)
        return SelfTest(passed=passed, digest=turn.digest, boot=started.boot, detail=detail[:1000])

    def log_tail(self) -> str:
        """Return the last lines that the service wrote since its last start."""
        try:
            with self._service.log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
                lines = log.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return "\n".join(line[:500] for line in lines[-_TAIL_LINES:])

    def _prepare(self, turn: Turn) -> Prepared:
        """Prepare the version, fetching it only when it is not on the disk; retry an unreachable store."""
        for pause in (*_FETCH_RETRY_SECONDS, None):
            try:
                return self._release_store.prepare(turn, lambda: self._announce(AgentStage.FETCHING))
            except StoreUnreachable as error:
                if pause is None:
                    raise
                logger.warning("%s", error)
                time.sleep(pause)
        raise AssertionError("unreachable: the last try returns or raises")

    def _run_self_test(self, manifest: Manifest, folder: Path, environment: dict[str, str]) -> tuple[str, bool]:
        address, port = self._settings.address, self._settings.port
        try:
            detail = self_test(manifest.self_test, address, port, folder, environment)
            if self._exit_reason():
                raise ServiceFailed(f"{detail}, but then the service ended")
        except LifecycleError as error:
            reason = self._await_exit_reason(_EXIT_GRACE_SECONDS)
            return f"{error}" + (f" ({reason})" if reason else ""), False
        return detail, True

    def _await_exit_reason(self, seconds: float) -> str | None:
        """Wait up to `seconds` for the service to end; a service that drops its connection often ends soon after."""
        until = time.monotonic() + seconds
        while (reason := self._exit_reason()) is None and time.monotonic() < until:
            time.sleep(0.02)
        return reason

    def _exit_reason(self) -> str | None:
        return None if self._service.running() else self._service.exit_status()


def service_environment(manifest: Manifest, settings: Settings) -> dict[str, str]:
    """Return the service's whole environment, without the agent's own variables and credentials."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **inherited,
        **manifest.run.environment,
        "HOST": settings.address,
        "PORT": str(settings.port),
        "LIFECYCLE_SERVICE": settings.cluster.service,
        "LIFECYCLE_ENVIRONMENT": settings.cluster.environment,
        "LIFECYCLE_VERSION": manifest.version,
        "LIFECYCLE_HOST": settings.host,
    }
