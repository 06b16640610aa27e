"""The handler that the suite puts in front of a function's real one; deployed by functions.py."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import faults  # type: ignore[import-not-found]
import real_handler  # type: ignore[import-not-found]
from botocore.client import BaseClient

_call = BaseClient._make_api_call


def _called(client: Any, operation: str, arguments: Any) -> Any:
    answer = _call(client, operation, arguments)
    faults.written(operation)
    return answer


BaseClient._make_api_call = _called
PHASE = (Path(__file__).parent / "phase.txt").read_text().strip()


def handle(event: dict[str, Any], context: Any) -> Any:
    """Call the real handler, with the fault that is armed for this phase, if any."""
    if event.get("warm"):
        return real_handler.handle(event, context)
    return faults.around(PHASE, lambda: real_handler.handle(event, context))
