"""One HTTP GET to the service on this host, bounded in time and size. Used by self_test.py and metrics.py."""

import contextlib
import http.client
import socket
import struct
import threading

_BLOCK = 65536


def get(
    address: str, port: int, path: str, seconds: float, maximum_bytes: int, *, whole: bool = False
) -> tuple[int, bytes]:
    """Return the status and the first `maximum_bytes` of the response.

    Raises TimeoutError when the response takes longer than `seconds`; OSError, HTTPException or ValueError when
    there is no valid response. With `whole` the rest is read too, and one that was cut short is not valid.
    """
    connection = http.client.HTTPConnection(address, port, timeout=seconds)
    timed_out = threading.Event()
    try:
        connection.connect()
        refuse_itself(connection.sock)
        # The timeout above limits each read only; the timer ends a response that arrives byte by byte.
        timer = threading.Timer(seconds, _shut_down, (connection.sock, timed_out))
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError as error:  # the service may have taken all the threads of this host
            raise OSError(str(error)) from error
        try:
            connection.request("GET", path, headers={"User-Agent": "lifecycle-agent", "Connection": "close"})
            response = connection.getresponse()
            body = response.read(maximum_bytes)
            if whole:
                _read_rest(response)
        finally:
            timer.cancel()
    except (OSError, http.client.HTTPException, ValueError) as error:
        if timed_out.is_set():
            raise TimeoutError from error
        raise
    finally:
        connection.close()
    if timed_out.is_set():
        raise TimeoutError  # a response that was cut short may still parse
    return response.status, body


def _read_rest(response: http.client.HTTPResponse) -> None:
    """Read a response to its end, and keep none of it; raises IncompleteRead if it ends before that."""
    while response.read(_BLOCK):
        pass
    if response.length:  # what is missing of its Content-Length; of chunks, reading raises
        raise http.client.IncompleteRead(b"", response.length)


def refuse_itself(connected: socket.socket) -> None:
    """Raise ConnectionRefusedError if TCP connected the socket to itself, as it may when nothing listens on a port.

    It is closed at once, because it holds the port of the service.
    """
    if connected.getsockname() == connected.getpeername():
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionRefusedError


def _shut_down(connection: socket.socket, timed_out: threading.Event) -> None:
    timed_out.set()
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
