"""A cluster of scripted hosts that serve a version, and alarms that ring there."""

from dataclasses import replace

from lifecycle.application.monitoring.watch_alarms import Watched, watch
from lifecycle.domain.monitoring.alarms import Alarm
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.service.policy import OnAlarm, Policy
from tests.fakes.alarms import MemoryAlarms
from tests.support.rollout import CLUSTER, Machine

NAME = "lc-p-hello-errors"
HALT = Policy(watch_minutes=30)
BACK = replace(HALT, on_alarm=OnAlarm.ROLL_BACK)


class Field:
    """Four hosts that serve 1.0.0, under a policy, and their cluster's alarms."""

    def __init__(self, policy: Policy) -> None:
        self.machine = Machine(policy=policy)
        self.machine.deploy("1.0.0")
        self.machine.memory.clock.sleep(7200)
        self.alarms = MemoryAlarms()

    def rings(self, name: str = NAME, *, ringing: bool = True) -> Alarm:
        alarm = Alarm(name, CLUSTER, ringing, self.machine.now, "expected at most 2 %", "found 4.1 %")
        self.alarms.put(alarm)
        return alarm

    def kinds(self, *names: str) -> list[str]:
        return [found.kind for found in self.check(*names)]

    def check(self, *names: str) -> list[Watched]:
        self.machine.memory.clock.sleep(1)
        return watch(self.machine.context, self.alarms, names)

    def begun(self) -> str:
        """Begin a deployment of 1.0.1 whose first host serves it."""
        request = self.machine.request("1.0.1")
        self.machine.begin(request)
        self.machine.update(request.deployment, "host-1", 1)
        return request.deployment

    def audit_entries(self) -> list[tuple[str, str]]:
        return [(e.what, e.who) for e in self.machine.memory.audit_log.entries if e.what.startswith("alarm")]

    @property
    def newest(self) -> Deployment:
        return self.machine.memory.deployments.recent(CLUSTER, 1)[0]
