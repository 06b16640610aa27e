"""The desired version of a cluster, as SSM Parameter Store holds it.

Written by `plan` under the lease of the cluster; compared with every host by `converge`.
"""

from dataclasses import dataclass

from lifecycle.domain.fleet.epoch import Epoch
from lifecycle.domain.service.target import Target


@dataclass(frozen=True, slots=True)
class Desired:
    """The version that a cluster should run, as SSM Parameter Store has it; `config` is its configuration.

    `manifest` is the sha256 of its manifest; empty in a record of before.
    """

    version: str
    digest: str
    epoch: Epoch
    deployment: str
    config: int = 0
    manifest: str = ""

    @property
    def target(self) -> Target:
        return Target(self.version, self.digest, self.config, self.manifest)
