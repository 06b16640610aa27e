"""JSONata for moto's interpreter, evaluated by jsonata-python."""

import json
from functools import lru_cache
from typing import Any

from jsonata.jexception import JException
from jsonata.jsonata import Jsonata
from moto.stepfunctions.parser.asl.jsonata.jsonata import JSONataException


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
