"""The matrix's copy of functions/: each real handler behind wrapped.py. Nothing of the product is changed for it."""

import hashlib
import shutil
from pathlib import Path

from apps.local.layout import REPOSITORY

_HERE = Path(__file__).parent
_FUNCTIONS = REPOSITORY / "functions"


def wrapped_functions() -> Path:
    """The copy's folder, named after its content, so that the synthesised app is kept between runs."""
    handlers = sorted(_FUNCTIONS.glob("*/handler.py"))
    digest = hashlib.sha256()
    for file in (*handlers, _HERE / "wrapped.py", _HERE / "faults.py"):
        digest.update(f"{file}\0".encode() + file.read_bytes())
    folder = REPOSITORY / "build" / "crash-matrix" / digest.hexdigest()[:16]
    if not folder.exists():
        shutil.rmtree(folder.parent, ignore_errors=True)
        unfinished = folder.with_suffix(".unfinished")
        for handler in handlers:
            _wrap(handler, unfinished / handler.parent.name)
        unfinished.rename(folder)
    return folder


def _wrap(handler: Path, into: Path) -> None:
    shutil.copytree(handler.parent, into, ignore=shutil.ignore_patterns("__pycache__"))
    (into / "handler.py").rename(into / "real_handler.py")
    shutil.copy(_HERE / "wrapped.py", into / "handler.py")
    shutil.copy(_HERE / "faults.py", into / "faults.py")
    (into / "phase.txt").write_text(handler.parent.name)
