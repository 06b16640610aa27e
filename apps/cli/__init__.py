"""The `lifecycle` command line."""

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
