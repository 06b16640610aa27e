"""Finds out why a target fails its health checks: Envoy says only that it does, and an ALB says why.

The balancer repeats the check itself when it is asked about an unhealthy target.
"""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from apps.local.dispatcher.envoy_configuration import CHECKER, Check
from apps.local.dispatcher.targets import FAILED, HEALTHY, TIMED_OUT, Address, Health

# An answer counts for so long, so that a caller that polls does not flood the service with checks.
_RECENT_SECONDS = 1.0
_LONGEST_SECONDS = 1.0


class FailedChecks:
    """The reasons of unhealthy targets, each from a check of its own."""

    def __init__(self) -> None:
        self._found: dict[tuple[Address, Check], tuple[float, Health]] = {}

    def explained(self, described: Sequence[tuple[Address, Health]], check: Check) -> list[tuple[Address, Health]]:
        """Return the same targets, each failed check with its status code or error."""
        failing = [address for address, health in described if health == FAILED]
        if not failing:
            return list(described)
        with ThreadPoolExecutor(min(8, len(failing))) as pool:
            reasons = dict(zip(failing, pool.map(lambda each: self._reason(each, check), failing), strict=True))
        return [(address, _of(address, health, reasons)) for address, health in described]

    def _reason(self, address: Address, check: Check) -> Health:
        now = time.monotonic()
        recent = {key: one for key, one in self._found.items() if now - one[0] < _RECENT_SECONDS}
        if (found := recent.get((address, check))) is None:
            answered = repeated(address, check)
            found = (now, FAILED if answered == HEALTHY else answered)
        self._found = {**recent, (address, check): found}
        return found[1]


def _of(address: Address, health: Health, reasons: Mapping[Address, Health]) -> Health:
    return reasons[address] if health == FAILED else health


def repeated(address: Address, check: Check) -> Health:
    """Check a target as Envoy does; return HEALTHY, or why it fails in ELBv2's terms."""
    port, seconds = check.port or address.port, min(check.timeout, _LONGEST_SECONDS)
    connection = http.client.HTTPConnection(address.ip, port, timeout=seconds)
    timed_out = threading.Event()
    # The timeout above limits each read only; the timer ends an answer that arrives byte by byte.
    timer = threading.Timer(seconds, _shut_down, (connection, timed_out))
    timer.daemon = True
    try:
        connection.connect()
        timer.start()
        connection.request("GET", check.path, headers={"Host": f"{address.ip}:{port}", "User-Agent": CHECKER})
        status = connection.getresponse().status
    except TimeoutError:
        return TIMED_OUT
    except OSError as error:
        reason = FAILED._replace(description=f"Health checks failed: {error.strerror or error}")
        return TIMED_OUT if timed_out.is_set() else reason
    except http.client.HTTPException as error:
        reason = FAILED._replace(description=f"Health checks failed: the answer is not HTTP/1.1 ({error!r:.80})")
        return TIMED_OUT if timed_out.is_set() else reason
    finally:
        timer.cancel()
        connection.close()
    if any(low <= status <= high for low, high in check.statuses):
        return HEALTHY
    return Health("unhealthy", "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{status}]")


def _shut_down(connection: http.client.HTTPConnection, timed_out: threading.Event) -> None:
    timed_out.set()
    with contextlib.suppress(OSError, AttributeError):  # it was closed meanwhile
        connection.sock.shutdown(socket.SHUT_RDWR)
