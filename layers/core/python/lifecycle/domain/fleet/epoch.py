"""The epoch, which fences: a number of a cluster that only grows, one higher for each deployment (docs/adr/0018).

Every record that has one declares it as `Epoch`. Then the decoder refuses a number that nothing was given, so that
no record can use up the numbers. Agents compare epochs, too.
"""

from typing import Annotated, TypeAlias

# The last epoch. No cluster has so many deployments: a record that has more was edited or damaged.
LARGEST_EPOCH = 10**12

# A host writes its own report, so its word alone raises the epoch of its cluster no further.
CREDIBLE = 10**9

Epoch: TypeAlias = Annotated[int, "epoch"]


def is_epoch(value: int) -> bool:
    """Return whether a deployment may have this number as its epoch; 0 stands for none."""
    return 0 <= value <= LARGEST_EPOCH
