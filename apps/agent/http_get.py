"""One GET to the service on this host: bounded in time and in size. Used by self_test.py and metrics.py."""

import contextlib
import http.client
import socket
import threading


def get(address: str, port: int, path: str, seconds: float, most_bytes: int) -> tuple[int, bytes]:
    """The status and the beginning of the answer.

    Raises TimeoutError when it is not there within `seconds`; OSError, HTTPException or ValueError for what is no
    answer at all.
    """
    connection = http.client.HTTPConnection(address, port, timeout=seconds)
    late = threading.Event()
    try:
        connection.connect()
        # The timeout above is one of silence; an answer that drips must end in time as well.
        watch = threading.Timer(seconds, _shut_down, (connection.sock, late))
        watch.daemon = True
        watch.start()
        try:
            connection.request("GET", path, headers={"User-Agent": "lifecycle-agent", "Connection": "close"})
            answer = connection.getresponse()
            body = answer.read(most_bytes)
        finally:
            watch.cancel()
    except (OSError, http.client.HTTPException, ValueError) as error:
        if late.is_set():
            raise TimeoutError from error
        raise
    finally:
        connection.close()
    if late.is_set():
        raise TimeoutError  # cut short, an answer may still look like one
    return answer.status, body


def _shut_down(connection: socket.socket, late: threading.Event) -> None:
    late.set()
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
