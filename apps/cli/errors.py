"""Errors of the command line itself, beside those of lifecycle.domain.errors.

LifecycleError
├── NoTarget               neither an environment on this machine nor an AWS profile
├── FunctionRefused        a function that failed or answered with an error
├── Ambiguous              a name or options that mean more than one thing
└── NoDeployment           no deployment in the state that the command needs
"""

from lifecycle.domain.errors import LifecycleError


class NoTarget(LifecycleError):
    """No environment was found, or its description is incomplete."""


class FunctionRefused(LifecycleError):
    """A function failed, or answered with this message."""


class Ambiguous(LifecycleError):
    """A name or a set of options means more than one thing; the message lists them."""


class NoDeployment(LifecycleError):
    """No deployment is in the state that the command needs; the message has the states that were found."""
