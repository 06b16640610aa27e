"""All builds: a limited number at a time, each with its record in a file that survives a restart.

A build itself does not survive a restart: if it was running, its status becomes FAULT.
"""

import json
import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from apps.local.codebuild import build_record as records
from apps.local.codebuild.account import Account
from apps.local.codebuild.build import Build
from apps.local.codebuild.build_log import BuildLog
from apps.local.codebuild.build_record import Record
from apps.local.codebuild.unpacked_zips import UnpackedZips
from apps.local.paths import write_json

# AWS honours a token for as long.
_TOKEN_SECONDS = 300.0

log = logging.getLogger(__name__)


class Builds:
    """The builds of one service, stored in the folder `home`."""

    def __init__(self, account: Account, home: Path, at_once: int) -> None:
        self._account, self._home = account, home
        self._records: dict[str, Record] = {}
        self._requests: dict[str, dict[str, Any]] = {}
        self._running: dict[str, tuple[Build, Future[None]]] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="build")
        for name in ("records", "logs", "work"):
            (home / name).mkdir(parents=True, exist_ok=True)
        self._zips = UnpackedZips(home / "zips")
        self._load()

    def record(self, identity: str) -> Record | None:
        """Return a build's record as the API shows it; None if it never ran here."""
        with self._lock:
            return self._records.get(identity)

    def earlier(self, request: Mapping[str, Any]) -> str | None:
        """Return the build that the same project and idempotency token started in the last five minutes."""
        if not (token := request.get("idempotencyToken")):
            return None
        with self._lock:
            for identity, earlier in self._requests.items():
                same_project = earlier.get("projectName") == request.get("projectName")
                same = same_project and earlier.get("idempotencyToken") == token
                if same and time.time() - self._records[identity]["startTime"] < _TOKEN_SECONDS:
                    return identity
        return None

    def request(self, identity: str) -> dict[str, Any]:
        return self._requests[identity]

    def start(self, accepted: Mapping[str, Any], request: dict[str, Any]) -> Record:
        """Queue a build that the emulator accepted and named."""
        project = self._account.project(accepted["projectName"])
        record = records.new_record(accepted, request, project)
        declared = request.get("secondarySourcesOverride") or project.get("secondarySources") or []
        unique = record["logs"]["streamName"]
        build = Build(self._account, record, declared, self._zips, self._home / "work" / unique)
        build.on_change = lambda: self._save(build.record)
        with self._lock:
            self._records[record["id"]] = record
            self._requests[record["id"]] = request
            self._save(record)
            self._running[record["id"]] = build, self._pool.submit(self._run, build)
        return record

    def stop(self, identity: str) -> None:
        """End a queued or running build."""
        with self._lock:
            build, waiting = self._running.get(identity, (None, None))
            if build is None or waiting is None:
                return
            build.cancellation.cancel("STOPPED")
            if waiting.cancel():
                del self._running[identity]
                records.end_phase(build.record, "STOPPED", "", "the build was stopped while it was queued")
                records.complete(build.record, "STOPPED")
                self._save(build.record)

    def forget(self, identity: str) -> None:
        """Delete a build's record if it is complete."""
        with self._lock:
            if identity in self._running:
                return
            record = self._records.pop(identity, None)
            self._requests.pop(identity, None)
        if record:
            self._path(record).unlink(missing_ok=True)

    def shut_down(self, timeout_seconds: float = 5.0) -> None:
        """End every build with the status FAULT."""
        with self._lock:
            running = list(self._running.values())
        for build, _ in running:
            build.cancellation.cancel("FAULT")
        self._pool.shutdown(wait=False, cancel_futures=False)
        deadline = time.monotonic() + timeout_seconds
        while self._running and time.monotonic() < deadline:
            time.sleep(0.02)

    def _run(self, build: Build) -> None:
        record = build.record
        try:
            logs = record["logs"]
            path = self._home / "logs" / f"{logs['streamName']}.log"
            build.run(BuildLog(path, logs["groupName"], logs["streamName"]))
        except Exception as error:
            log.exception("build %s failed in the build service itself", record["id"])
            records.fault(record, f"the build service failed: {error!r}")
        finally:
            self._save(record)
            with self._lock:
                self._running.pop(record["id"], None)
        log.info("build %s ended with %s", record["id"], record["buildStatus"])

    def _load(self) -> None:
        for path in (self._home / "records").glob("*.json"):
            saved = json.loads(path.read_text())
            record = saved["record"]
            self._records[record["id"]], self._requests[record["id"]] = record, saved["asked"]
            if record["buildStatus"] == records.RUNNING:
                records.fault(record, "the build service was restarted while the build ran")
                self._save(record)

    def _save(self, record: Record) -> None:
        write_json(self._path(record), {"record": record, "asked": self._requests.get(record["id"], {})})

    def _path(self, record: Record) -> Path:
        return self._home / "records" / f"{record['logs']['streamName']}.json"
