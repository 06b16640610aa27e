"""JSONata for moto's interpreter, evaluated by jsonata-python."""

import json
import sys
from functools import lru_cache
from typing import Any

_RECURSION_LIMIT = sys.getrecursionlimit()

from jsonata.jexception import JException  # noqa: E402
from jsonata.jsonata import Jsonata  # noqa: E402
from moto.stepfunctions.parser.asl.jsonata.jsonata import JSONataException  # noqa: E402

sys.setrecursionlimit(_RECURSION_LIMIT)  # the library raises it for the whole process, other tests included


@lru_cache(maxsize=4096)
def evaluate(expression: str) -> Any:
    """Return the value of an expression that brings its own variables; None for null and for undefined.

    moto asks with $exists which of the two it is. Raises its JSONataException for anything that fails.
    """
    try:
        found = Jsonata(expression).evaluate(None)
    except (JException, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise JSONataException("UNKNOWN", str(error)) from error
    return json.loads(json.dumps(found))
