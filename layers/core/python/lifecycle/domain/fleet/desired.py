"""The desired version of a cluster, as SSM Parameter Store holds it.

Written by `plan` under the lease of the cluster; compared with every host by `converge`.
"""

from dataclasses import dataclass

from lifecycle.domain.fleet.epoch import Epoch


@dataclass(frozen=True, slots=True)
class Desired:
    """The version that a cluster should run, as SSM Parameter Store has it."""

    version: str
    digest: str
    epoch: Epoch
    deployment: str
