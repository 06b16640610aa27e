"""A point-in-time restore of the ledger, acted out over the fakes: copy it, go on, put the copy back."""

from copy import deepcopy
from dataclasses import replace

from tests.support.rollout import CLUSTER, Machine

# The ports that are items of the ledger. Desired versions are in SSM, artifacts in S3, and neither is restored.
LEDGER = ("leases", "deployments", "audit_log", "fleet", "freezes", "queue", "catalogue")


class LedgerCopy:
    """The ledger at the time when this copy was made."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._states = {port: deepcopy(vars(getattr(machine.memory, port))) for port in LEDGER}

    def put_back(self, *, reporting: bool = True) -> None:
        """Restore the ledger. Live agents then write their reports again, unless they are not `reporting`."""
        machine = self._machine
        reports = machine.memory.fleet.reports(CLUSTER)
        for port, state in self._states.items():
            vars(getattr(machine.memory, port)).update(deepcopy(state))
        for host in machine.hosts:
            if reporting and not host.silent:
                machine.memory.fleet.write_report(CLUSTER, replace(reports[host.name], seen_at=machine.now))
