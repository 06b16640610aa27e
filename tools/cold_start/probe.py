"""The program of a fresh process: import a handler as Lambda does, make what a first call needs, and say the cost.

It is run as a file, so that nothing is imported before it measures. Its arguments are the handler's folder, the names
of clients with commas between them, and "eager" for a function that would import all of Lifecycle first.
"""

import json
import re
import sys
import time
from pathlib import Path

# The functions of entrypoints/bootstrap.py that make gateways, and call nothing yet.
GATEWAYS = (
    *("alarms", "artifacts", "audit_log", "builds", "callers", "catalogue", "console", "context", "executions"),
    *("forge", "metrics", "notifications", "repositories"),
)


def main() -> None:
    """Print the seconds of processor time, the modules and the memory as JSON."""
    folder, clients, variant = sys.argv[1:]
    sys.path.insert(0, folder)
    before, began = len(sys.modules), time.process_time()
    if variant == "eager":
        _import_everything()
    __import__("handler")
    imported, known = time.process_time(), set(sys.modules)
    _first_use(Path(folder, "handler.py").read_text(), [*filter(None, clients.split(","))])
    found = {
        "imports": imported - began,
        "first_use": time.process_time() - imported,
        "modules": len(known) - before,
        "packages": sorted({name.partition(".")[0] for name in known}),
        "megabytes": _peak(),
    }
    print(json.dumps(found))


def _peak() -> float:
    """Return the most memory that this program had, in megabytes; getrusage would count its parent's, too."""
    (found,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found) / 1024


def _first_use(source: str, clients: list[str]) -> None:
    """Make the gateways that a handler's text names, and the clients."""
    from lifecycle.entrypoints import bootstrap  # noqa: PLC0415 (it is what is measured)

    for name in GATEWAYS:
        if f"bootstrap.{name}()" in source:
            getattr(bootstrap, name)()
    for name in clients:
        bootstrap.client(name)


def _import_everything() -> None:
    import importlib  # noqa: PLC0415
    import pkgutil  # noqa: PLC0415

    import lifecycle  # noqa: PLC0415

    for each in pkgutil.walk_packages(lifecycle.__path__, "lifecycle."):
        importlib.import_module(each.name)


if __name__ == "__main__":
    main()
