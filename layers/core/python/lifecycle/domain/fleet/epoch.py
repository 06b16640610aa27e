"""The epoch, which fences: a number of a cluster that only grows, one higher for each deployment (docs/adr/0018).

Every record that has one declares it as `Epoch`. Then the decoder refuses a number that nothing was given, so that
no record can use up the numbers. Agents compare epochs, too.
"""

from typing import Annotated, TypeAlias

# The last epoch. No cluster has so many deployments: a record that has more was edited or damaged.
LARGEST_EPOCH = 10**12

# The most that the reports of most hosts, or a desired version whose writer is not known, show where the ledger is
# far behind.
CREDIBLE = 10**9

# A host writes its own report, so its word alone raises the epoch of its cluster by no more than this above all that
# others show. It is more than the deployments that a restored ledger has lost, and a lie of it disables nothing.
STEP = 1000

Epoch: TypeAlias = Annotated[int, "epoch"]


def is_epoch(value: int) -> bool:
    """Return whether a deployment may have this number as its epoch; 0 stands for none."""
    return 0 <= value <= LARGEST_EPOCH
