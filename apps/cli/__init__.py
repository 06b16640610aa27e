"""The `lifecycle` command line."""

import gc
import os
import sys
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]
_OWN = {str(_CHECKOUT), str(_CHECKOUT / "layers" / "core" / "python")}


def _prefer_installed_modules(path: list[str], persons: str) -> None:
    """Move the folders of a person's PYTHONPATH to the end: a queue.py there would replace Python's own module."""
    named = [each for each in persons.split(os.pathsep) if each]
    others = {os.path.abspath(each) for each in named if os.path.realpath(each) not in _OWN}  # noqa: PTH100
    path.sort(key=lambda each: each in others)


_prefer_installed_modules(sys.path, os.environ.get("PYTHONPATH", ""))

# A command makes some 100,000 objects while it imports, all of which stay: collecting among them took a sixth of its
# start. A long watch is still collected.
gc.set_threshold(100_000, 50, 50)
