"""The removal policy of stores: for a deleted stack, and for one that could not be made."""

from aws_cdk import RemovalPolicy


def removal(*, retain: bool) -> RemovalPolicy:
    """Return the policy of a store: with `retain` it outlives its stack, unless the stack's first creation failed.

    A store that a failed creation left behind would keep its name, and the next try would fail at it.
    """
    return RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if retain else RemovalPolicy.DESTROY
