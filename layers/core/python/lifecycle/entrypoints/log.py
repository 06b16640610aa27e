"""The log of a function: lines of JSON. It is apart from the frame of the handlers, which imports much more."""

from aws_lambda_powertools.logging import Logger

logger = Logger()
