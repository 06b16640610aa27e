"""The desired version of a cluster, as SSM Parameter Store holds it.

Written by `plan` under the lease of the cluster; compared with every host by `converge`.
"""

from dataclasses import dataclass

from lifecycle.domain.fleet.epoch import Epoch
from lifecycle.domain.service.target import Target


@dataclass(frozen=True, slots=True)
class Desired:
    """The version that a cluster should run, as SSM Parameter Store has it; `config` is its configuration."""

    version: str
    digest: str
    epoch: Epoch
    deployment: str
    config: int = 0

    @property
    def target(self) -> Target:
        return Target(self.version, self.digest, self.config)
