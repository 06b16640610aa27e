"""What can go wrong in the command line itself, beside the errors of lifecycle.domain.errors.

LifecycleError
├── NoTarget               neither a laptop's environment nor an AWS profile
├── NotAnswering           the target's AWS does not answer, or does not let us in
├── FunctionRefused        a function that answered with an error
└── Ambiguous              a name that means more than one thing
"""

from lifecycle.domain.errors import LifecycleError


class NoTarget(LifecycleError):
    """There is nothing to talk to, or too little to know how."""


class NotAnswering(LifecycleError):
    """The target could not be asked."""


class FunctionRefused(LifecycleError):
    """A function's own words, or that it broke."""


class Ambiguous(LifecycleError):
    """What was named fits more than one thing; the message lists them."""
