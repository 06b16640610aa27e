"""The deployed functions with wrapped.py in front of their real handlers.

The product is not changed for it.
"""

import io
import zipfile
from pathlib import Path

from apps.local.aws.clients import Aws
from apps.local.paths import REPOSITORY

_HERE = Path(__file__).parent
_FOLDERS = {path.parent.name: path.parent for path in (REPOSITORY / "functions").glob("*/*/handler.py")}
PHASES = tuple(sorted(_FOLDERS))


def wrap_functions(aws: Aws) -> None:
    """Deploy every function of an environment again, with wrapped.py in front of its handler."""
    client = aws.client("lambda")
    pages = client.get_paginator("list_functions").paginate()
    deployed = {each["FunctionName"] for page in pages for each in page["Functions"]}
    for phase in PHASES:
        if (name := f"lifecycle-{phase.replace('_', '-')}") in deployed:
            client.update_function_code(FunctionName=name, ZipFile=wrapped(phase))


def wrapped(phase: str) -> bytes:
    """Return a phase's code as a zip: its folder, with wrapped.py in place of the handler."""
    buffer = io.BytesIO()
    folder = _FOLDERS[phase]
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(folder.rglob("*.py")):
            name = str(path.relative_to(folder))
            archive.write(path, "real_handler.py" if name == "handler.py" else name)
        archive.write(_HERE / "wrapped.py", "handler.py")
        archive.write(_HERE / "faults.py", "faults.py")
        archive.writestr("phase.txt", phase)
    return buffer.getvalue()
