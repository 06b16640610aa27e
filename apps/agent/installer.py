"""The work of a turn, stage by stage: fetch a version, run its release command, or install and self-test it.

Called by agent.py after decide.py chose Fetch, RunRelease or Install. Every step except the release command is
idempotent: a turn that starts over gives the same result.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from apps.agent import processes
from apps.agent.commands import Runtimes, check_needs
from apps.agent.configuration import Configuration
from apps.agent.errors import LeftBehind, NoPort, PortTaken, ServiceFailed, StoreUnreachable
from apps.agent.release_command import ReleaseEnd, ReleaseRunner
from apps.agent.release_store import Prepared, ReleaseStore
from apps.agent.schedules import Runnable
from apps.agent.self_test import answers, check_port_is_free, self_test, wait_until_ready, wait_until_started
from apps.agent.service import Service
from apps.agent.settings import Settings
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.fleet.host import AgentStage, SelfTest
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.service.manifest import Manifest

logger = logging.getLogger(__name__)

_EXIT_GRACE_SECONDS = 0.5
_SETTLED_SECONDS = 1.0
_FETCH_RETRY_SECONDS = (0.2, 0.5, 1.0)


class Installer:
    """The fetch and the install of one host; it calls `announce` at the beginning of each stage."""

    def __init__(
        self,
        settings: Settings,
        release_store: ReleaseStore,
        service: Service,
        announce: Callable[[AgentStage], None],
        configuration: Configuration,
    ) -> None:
        self._settings = settings
        self._release_store = release_store
        self._service = service
        self._announce = announce
        self._configuration = configuration
        self._releaser = ReleaseRunner(settings.home, service)
        self.runtimes = Runtimes()

    def fetch(self, turn: Turn) -> tuple[Prepared, Mapping[str, str]]:
        """Fetch, check and unpack the turn's version; leave the running service alone.

        The configuration is read too, so that one that is missing is found before any host is drained.
        """
        with self._service.trimming():
            prepared = self._release_store.prepare(turn, lambda: self._announce(AgentStage.FETCHING))
            self._require_port(prepared.manifest)
            values = self._configuration.prepare(prepared.manifest, turn.config)
            check_needs(prepared.manifest, self._environment(prepared.manifest, values), self._settings.host)
        if turn.version != self._release_store.current():
            self._release_store.place(prepared)
            prepared = Prepared(prepared.manifest, prepared.folder, None)
        return prepared, values

    def prepare_release(self, turn: Turn) -> tuple[Prepared, Mapping[str, str]]:
        """Fetch the turn's version for its release command, and forget the output of the command before."""
        found = self.fetch(turn)
        self._releaser.forget_output()
        return found

    def release(
        self, turn: Turn, prepared: Prepared, values: Mapping[str, str], must_end: Callable[[], str]
    ) -> ReleaseEnd:
        """Run the version's release command once, in its checked tree; leave the running service alone.

        `must_end` returns why the command must be ended before its end, or nothing.
        """
        manifest = prepared.manifest
        if (command := manifest.release) is None:
            return ReleaseEnd(f"{turn.version} has none; add [release] to lifecycle.toml, and build again")
        environment = self._environment(manifest, values)
        # The folder of the running version may have changed since its check; then there is a tree beside it.
        folder = prepared.tree or prepared.folder
        with self._service.trimming():
            end = self._releaser.run(command.command, folder, environment, command.timeout_seconds, must_end)
        output = self.release_output(turn.config)
        self._releaser.add_to_service_log(f"--- release command of {turn.version} ---\n{output}\n")
        # A process that could not be ended is named with its command line.
        return replace(end, left=self._configuration.masked(end.left, turn.config)) if end.left else end

    def release_output(self, config: int) -> str:
        """Return the last lines that the release command printed, without the values of its configuration."""
        return self._releaser.output(lambda text: self._configuration.masked(text, config, part=True))

    def end_release(self, config: int) -> str:
        """End what an interrupted release command left; return what could not be ended, or nothing."""
        left = self._releaser.end_leftovers()
        return self._configuration.masked(left, config) if left else ""

    def install(self, turn: Turn) -> SelfTest:
        """Switch the service to the turn's version and self-test it.

        An error leaves the host as it is at that moment; nothing is rolled back here. Only what a service left that
        has ended is ended too.
        """
        with self._service.trimming():
            try:
                return self._install(turn)
            finally:
                self._end_leftovers()

    def _install(self, turn: Turn) -> SelfTest:
        prepared, values = self._prepare(turn)
        manifest = prepared.manifest
        self._require_port(manifest)
        environment = self._environment(manifest, values)
        check_needs(manifest, environment, self._settings.host)
        self._announce(AgentStage.INSTALLING)
        self._service.stop()
        # The trees are the service's user's: what has just ended may have changed this one since its check.
        prepared = self._release_store.prepared_again(turn, prepared)
        if manifest.run.http:
            self._free_port(environment)
        self._release_store.place(prepared)
        self._release_store.switch(turn.version)
        if not manifest.run.http:
            return self._test_and_start(turn, prepared, environment)
        self._announce(AgentStage.STARTING)
        restored = turn.order is Order.RESTORE
        started = self._service.start(manifest, prepared.folder, environment, turn.config, restored=restored)
        address, port = self._settings.address, self._settings.port
        wait_until_ready(
            manifest.is_alive, address, port, manifest.run.start_seconds, self._exit_reason, self.masked_part
        )
        self._announce(AgentStage.SELF_TESTING)
        environment = self._service.marked(environment)
        detail, passed = self._run_self_test(manifest, prepared.folder, environment)
        detail = self._configuration.masked(detail, turn.config)
        return SelfTest(passed=passed, digest=turn.digest, boot=started.boot, detail=detail[:1000])

    def _test_and_start(self, turn: Turn, prepared: Prepared, environment: dict[str, str]) -> SelfTest:
        """Self-test a service without HTTP, and start it only if it passed.

        Nothing keeps work away from its process, as a load balancer keeps requests away.
        """
        manifest, address, port = prepared.manifest, self._settings.address, self._settings.port

        def mask(text: str) -> str:
            return self._configuration.masked(text, turn.config, part=True)

        self._announce(AgentStage.SELF_TESTING)
        marked, account = self._service.marked(environment), self._service.account
        try:
            detail = self_test(manifest.self_test, address, port, prepared.folder, marked, mask, account)
        except ServiceFailed as error:
            failed = self._configuration.masked(f"{error}", turn.config)
            return SelfTest(passed=False, digest=turn.digest, boot="", detail=failed[:1000])
        self._announce(AgentStage.STARTING)
        restored = turn.order is Order.RESTORE
        started = self._service.start(manifest, prepared.folder, environment, turn.config, restored=restored)
        wait_until_started(self._exit_reason)
        return SelfTest(passed=True, digest=turn.digest, boot=started.boot, detail=detail[:1000])

    def runnable(self, manifest: Manifest) -> Runnable:
        """Return the installed version with its environment; raises StoreUnreachable and ConfigUnreadable."""
        values = self._configuration.prepare(manifest, self._config)
        folder = self._release_store.folder(manifest.version)
        return Runnable(manifest, folder, self._environment(manifest, values))

    def answers(self, manifest: Manifest) -> bool:
        """Return whether the service passes the load balancer's check now, as far as this host can tell.

        Nothing checks a service without HTTP.
        """
        return not manifest.run.http or answers(manifest.is_alive, self._settings.address, self._settings.port)

    def log_tail(self) -> str:
        """Return the last lines that the service wrote since its last start, without its configuration's values."""
        return self._service.log_tail(self.masked_part)

    def masked(self, text: str) -> str:
        """Return a text of the service without the values of its configuration."""
        return self._configuration.masked(text, self._config)

    def mask(self, text: str, *, part: bool = False) -> str:
        """Return `masked`; raises StoreUnreachable and ConfigUnreadable where that would hide the text."""
        return self._configuration.mask(text, self._config, part=part)

    def masked_part(self, text: str) -> str:
        """Return `masked` for a text that may have been cut in the middle of a value."""
        return self._configuration.masked(text, self._config, part=True)

    def masked_part_of(self, text: str, config: int) -> str:
        """Return `masked_part` for a text of a command that may have another revision of the configuration."""
        return self.masked_part(self._configuration.masked(text, config, part=True))

    def _environment(self, manifest: Manifest, values: Mapping[str, str]) -> dict[str, str]:
        account = self._service.account
        return service_environment(manifest, self._settings, values, account.home if account else "")

    @property
    def _config(self) -> int:
        started = self._service.started
        return started.config if started else 0

    def _free_port(self, environment: Mapping[str, str]) -> None:
        """End a process that holds the port and that an older agent started as this service, without a mark."""
        address, port = self._settings.address, self._settings.port
        try:
            check_port_is_free(address, port)
        except PortTaken as taken:
            holder = processes.process(taken.pid) if taken.pid else None
            if holder is None or not self._service.end_unmarked(holder, environment):
                raise
            check_port_is_free(address, port)

    def _require_port(self, manifest: Manifest) -> None:
        """Raise NoPort for a service that serves HTTP on a host without a port."""
        if manifest.run.http and not self._settings.port:
            raise NoPort(self._settings.host, manifest.version)

    def _end_leftovers(self) -> None:
        """End what a service left whose command has ended; the next stop fails with what cannot be ended."""
        try:
            self._service.end_leftovers()
        except LeftBehind as error:
            logger.warning("%s", error)

    def _prepare(self, turn: Turn) -> tuple[Prepared, Mapping[str, str]]:
        """Prepare the version and its configuration; retry an unreachable store.

        The version is fetched only when it is not on the disk.
        """
        for pause in (*_FETCH_RETRY_SECONDS, None):
            try:
                prepared = self._release_store.prepare(turn, lambda: self._announce(AgentStage.FETCHING))
                return prepared, self._configuration.prepare(prepared.manifest, turn.config)
            except StoreUnreachable as error:
                if pause is None:
                    raise
                logger.warning("%s", error)
                time.sleep(pause)
        raise AssertionError("unreachable: the last try returns or raises")

    def _run_self_test(self, manifest: Manifest, folder: Path, environment: dict[str, str]) -> tuple[str, bool]:
        address, port = self._settings.address, self._settings.port
        try:
            detail = self_test(
                manifest.self_test, address, port, folder, environment, self.masked_part, self._service.account
            )
            self._await_settled(manifest)
            if self._exit_reason():
                raise ServiceFailed(f"{detail}, but then the service ended")
        except LifecycleError as error:
            reason = self._await_exit_reason(_EXIT_GRACE_SECONDS)
            return f"{error}" + (f" ({reason})" if reason else ""), False
        return detail, True

    def _await_settled(self, manifest: Manifest) -> None:
        """Wait until processes without a check have run for a moment: one that cannot start ends within it."""
        if manifest.processes:
            self._await_exit_reason(_SETTLED_SECONDS)

    def _await_exit_reason(self, seconds: float) -> str | None:
        """Wait up to `seconds` for the service to end; a service that drops its connection often ends soon after."""
        until = time.monotonic() + seconds
        while (reason := self._exit_reason()) is None and time.monotonic() < until:
            time.sleep(0.02)
        return reason

    def _exit_reason(self) -> str | None:
        if self._service.running():
            return None
        name = self._service.ended_process()
        return (f"process {name}: " if name else "") + self._service.exit_status()


def service_environment(
    manifest: Manifest, settings: Settings, config: Mapping[str, str], home: str = ""
) -> dict[str, str]:
    """Return the service's whole environment, without the agent's own variables and credentials.

    `home` is the home folder of another user than the agent's.
    """
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    if home:
        inherited["HOME"] = home
    place = {"HOST": settings.address, "PORT": str(settings.port)} if manifest.run.http else {}
    return {
        **inherited,
        **manifest.run.environment,
        **manifest.environments.get(settings.cluster.environment, {}),
        **config,
        **place,
        "LIFECYCLE_SERVICE": settings.cluster.service,
        "LIFECYCLE_ENVIRONMENT": settings.cluster.environment,
        "LIFECYCLE_VERSION": manifest.version,
        "LIFECYCLE_HOST": settings.host,
    }
