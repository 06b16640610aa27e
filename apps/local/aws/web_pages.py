"""Refuses what a web page makes a browser send to a port of the environment.

Used by the gate of the emulator (gate.py), which has no other module of the project, and by http_server.py. A page
of any site can send requests to loopback. It can use a host name of its own that resolves to 127.0.0.1. No browser
has a reason to call these ports: only the console is for browsers, and it has a guard of its own.
"""

from collections.abc import Mapping

# A browser adds one of these to each request that a page makes it send, and pages cannot remove them.
_OF_BROWSERS = ("origin", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest")
_NAMES = ("127.0.0.1", "localhost")
_SHOWN = 80


def refusal(headers: Mapping[str, str], other_names: tuple[str, ...] = ()) -> str | None:
    """Return why a request is refused, or None; header names are in lower case.

    `other_names` are further host names that the server has. The port may be that of a proxy in front of the server.
    """
    host = headers.get("host", "")
    name, _, port = host.partition(":")
    if name not in (*_NAMES, *other_names) or not ((port.isascii() and port.isdigit()) or host == name):
        return _expected("the Host to be " + " or ".join(_NAMES), host)
    for header in _OF_BROWSERS:
        if header in headers:
            return _expected(f"a request without {header}, for this port is not for browsers", headers[header])
    return None


def _expected(what: str, found: str) -> str:
    return f"expected {what}; found {found[:_SHOWN] or 'none'}. Nothing was done"
