"""What a turn lets the agent do, stage by stage: fetch a version, or install it and self-test it.

Called by agent.py with the decision of decide.py. Everything here may be done twice: done again from the
start it ends the same.
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
from lifecycle.domain.fleet.host import SelfTest, Stage
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.service.manifest import Manifest

logger = logging.getLogger(__name__)

_EXIT_GRACE_SECONDS = 0.5
_FETCH_RETRY_SECONDS = (0.2, 0.5, 1.0)
_TAIL_LINES = 20
_TAIL_BYTES = 4000


class Installer:
    """Fetches and installs; `announce` is called at the beginning of each stage."""

    def __init__(
        self,
        settings: Settings,
        release_store: ReleaseStore,
        service: Service,
        announce: Callable[[Stage], None],
    ) -> None:
        self._settings = settings
        self._release_store = release_store
        self._service = service
        self._announce = announce

    def fetch(self, turn: Turn) -> None:
        """Have the turn's version on the disk, checked and unpacked; what runs stays as it is."""
        prepared = self._release_store.prepare(turn, lambda: self._announce(Stage.FETCHING))
        if turn.version != self._release_store.current():
            self._release_store.place(prepared)

    def install(self, turn: Turn) -> SelfTest:
        """Switch the service to the turn's version; raises what prevented it, the host left as it is then."""
        prepared = self._prepare(turn)
        manifest = prepared.manifest
        self._announce(Stage.INSTALLING)
        self._service.stop()
        check_port_is_free(self._settings.address, self._settings.port)
        self._release_store.place(prepared)
        self._release_store.switch(turn.version)
        self._announce(Stage.STARTING)
        environment = service_environment(manifest, self._settings)
        started = self._service.start(manifest, prepared.folder, environment)
        wait_until_ready(
            self._settings.address, self._settings.port, manifest.run.start_seconds, self._exit_reason
        )
        self._announce(Stage.SELF_TESTING)
        detail, passed = self._run_self_test(manifest, prepared.folder, environment)
        return SelfTest(passed=passed, digest=turn.digest, boot=started.boot, detail=detail[:1000])

    def log_tail(self) -> str:
        """The last lines that the service wrote since its last start."""
        try:
            with self._service.log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
                lines = log.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return "\n".join(line[:500] for line in lines[-_TAIL_LINES:])

    def _prepare(self, turn: Turn) -> Prepared:
        """The version, fetched only if it is not there; an absent store is asked a few times."""
        for pause in (*_FETCH_RETRY_SECONDS, None):
            try:
                return self._release_store.prepare(turn, lambda: self._announce(Stage.FETCHING))
            except StoreUnreachable as error:
                if pause is None:
                    raise
                logger.warning("%s", error)
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _run_self_test(
        self, manifest: Manifest, folder: Path, environment: dict[str, str]
    ) -> tuple[str, bool]:
        address, port = self._settings.address, self._settings.port
        try:
            detail = self_test(manifest.self_test, address, port, folder, environment)
            if died := self._exit_reason():
                raise ServiceFailed(f"{detail}, but then the service ended")
        except LifecycleError as error:
            died = self._await_exit_reason(_EXIT_GRACE_SECONDS)
            return f"{error}" + (f" ({died})" if died else ""), False
        return detail, True

    def _await_exit_reason(self, seconds: float) -> str | None:
        """A service that drops its connection is often about to end; what it ends with is worth a moment."""
        until = time.monotonic() + seconds
        while (died := self._exit_reason()) is None and time.monotonic() < until:
            time.sleep(0.02)
        return died

    def _exit_reason(self) -> str | None:
        return None if self._service.running() else self._service.exit_status()


def service_environment(manifest: Manifest, settings: Settings) -> dict[str, str]:
    """Exactly what the service sees: nothing of the agent's own, its credentials least of all."""
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
