"""The service's own metrics: read on this host once a minute and published by name, in a thread of its own.

Started by __main__.py. At rest nothing is published, unless the settings say so: CloudWatch bills each metric of each
host by the hour, and only a test bed reads them. The manifest of the installed version names the metrics and their
path. A reading that fails is skipped; of several failures in a row, the first is logged.
"""

import http.client
import logging
import math
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from apps.agent.atomic_file import read_or_none
from apps.agent.errors import ServiceFailed
from apps.agent.http_get import get
from apps.agent.ports import MetricSink
from apps.agent.settings import Settings
from lifecycle.domain.errors import InvalidJson, LifecycleError
from lifecycle.domain.foreign_json import parse_json
from lifecycle.domain.service.manifest import Manifest
from lifecycle.gateways.serialization import Source, from_json

logger = logging.getLogger(__name__)

MAXIMUM_ANSWER_BYTES = 64 * 1024
TIMEOUT_SECONDS = 2.0
# A laptop has periods below a minute. Only a test bed and its control are read each period then. A host may be one of
# them after it was updated, until the deployment ends. With `metrics_always` the others are read once a minute.
SLOW_PERIOD_SECONDS = 60.0


class MetricsPublisher:
    """A thread that publishes once per `settings.metrics_seconds`, in the middle of each period of the clock.

    `measured` is set while the host may be in a test bed, or be the control of one.
    """

    def __init__(
        self,
        settings: Settings,
        sink: MetricSink,
        measured: threading.Event,
        rest_seconds: float = SLOW_PERIOD_SECONDS,
    ) -> None:
        self._settings = settings
        self._rest_seconds = rest_seconds
        self._sink = sink
        self._measured = measured
        self._failing = False
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ask the thread to end, without waiting for it."""
        self._ending.set()

    def publish(self) -> bool:
        """Read the metrics once and publish them; return False when there were none, or when it failed."""
        at = datetime.now(UTC)
        try:
            manifest = installed_manifest(self._settings.home)
            if manifest is None or not manifest.metrics or manifest.metrics_path is None:
                return False
            values = self._read(manifest, manifest.metrics_path)
            if values:
                self._sink.put(values, at)
        except (LifecycleError, OSError) as error:
            if not self._failing:
                logger.warning("metrics are not published: %s", error)
            self._failing = True
            return False
        if self._failing:
            logger.info("metrics are published again")
        self._failing = False
        return bool(values)

    def _run(self) -> None:
        period = self._settings.metrics_seconds
        rest = max(period, self._rest_seconds)
        while True:
            began_meanwhile = self._measured.wait(_seconds_to_next_reading(time.time(), rest))
            if self._ending.wait(_seconds_to_next_reading(time.time(), period) if began_meanwhile else 0.0):
                return
            if not (self._settings.metrics_always or self._measured.is_set()):
                continue
            try:
                self.publish()
            except Exception:  # this thread must not end
                logger.exception("metrics could not be published")

    def _read(self, manifest: Manifest, path: str) -> dict[str, float]:
        address, port = self._settings.address, self._settings.port
        try:
            status, body = get(address, port, path, TIMEOUT_SECONDS, MAXIMUM_ANSWER_BYTES + 1)
        except TimeoutError as error:
            raise ServiceFailed(f"GET {path} took longer than {TIMEOUT_SECONDS:g} s") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ServiceFailed(f"GET {path} failed: {error!r}") from error
        if status != 200:
            raise ServiceFailed(f"GET {path} answered {status}, expected 200")
        if len(body) > MAXIMUM_ANSWER_BYTES:
            raise ServiceFailed(f"GET {path} answered more than {MAXIMUM_ANSWER_BYTES} bytes")
        return declared_metrics(manifest, body, path)


def _seconds_to_next_reading(now: float, seconds: float) -> float:
    """Return the seconds until the middle of a period; periods count from the Unix epoch."""
    return (math.floor(now / seconds + 0.5) + 0.5) * seconds - now


def installed_manifest(home: Path) -> Manifest | None:
    """Return the manifest of the version that `current` points to; None before the first install."""
    try:
        version = (home / "current").readlink().name
    except FileNotFoundError:
        return None
    file = home / "artifacts" / version / "manifest.json"
    text = read_or_none(file)
    return from_json(Manifest, text, Source(str(file), "Deploy the version to this host again.")) if text else None


def declared_metrics(manifest: Manifest, body: bytes, path: str) -> dict[str, float]:
    """Return the numbers that the manifest names; raise ServiceFailed when `body` is not a JSON object."""
    try:
        answer = parse_json(body)
    except InvalidJson as error:
        raise ServiceFailed(f"GET {path} answered invalid JSON: {error}") from error
    if not isinstance(answer, Mapping):
        raise ServiceFailed(f"GET {path} answered {type(answer).__name__}, expected a JSON object of numbers")
    names = [measure.name for measure in manifest.metrics]
    return {name: float(answer[name]) for name in names if _is_number(answer.get(name))}


def _is_number(value: object) -> bool:
    # CloudWatch refuses numbers above 2**360, infinity and NaN; a number in JSON may have a thousand digits.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**360
