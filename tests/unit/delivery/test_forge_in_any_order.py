"""Events about a commit in any order, twice, at the same time and lost, and a forge that fails: the end is right.

A seed chooses what happens before and after each effect of the forge. Once nothing changes any more and the forge
answers, the schedule's sweeps leave what the records say.
"""

import random
from datetime import timedelta
from typing import Any

import pytest

from lifecycle.domain.delivery.forge_status import CommitStatus, ForgeDeployment
from lifecycle.domain.delivery.reported_status import CLAIM_LASTS
from lifecycle.domain.errors import ForgeFailed
from lifecycle.domain.rollout.deployment import DeploymentState
from tests.fakes.forge import MemoryForge
from tests.unit.delivery.status_scene import BUILD, COMMIT, DOWN, ON_STAGING, RUN, SNAPSHOT, Killed, Scene

SEEDS = 3000
# The states that a deployment passes through, up to one of several ends.
PATHS = [
    [DeploymentState.QUEUED, DeploymentState.RUNNING, DeploymentState.DONE],
    [DeploymentState.RUNNING, DeploymentState.HALTED, DeploymentState.AWAITING_APPROVAL, DeploymentState.ROLLED_BACK],
    [DeploymentState.QUEUED, DeploymentState.SUPERSEDED],
    [DeploymentState.RUNNING, DeploymentState.ABORTED],
]
ENDS = {
    DeploymentState.DONE: ("success: {} was rolled out", "success"),
    DeploymentState.ROLLED_BACK: ("failure: {} was rolled back", "failure"),
    DeploymentState.SUPERSEDED: ("error: a newer deployment took the place of {}", "inactive"),
    DeploymentState.ABORTED: ("failure: the rollout of {} was aborted", "failure"),
}


class Restless(MemoryForge):
    """A forge at each of whose effects the seed may let something else happen, lose the answer, or kill the call."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance
        self.scene: Scene | None = None
        self.waiting: list[list[DeploymentState]] = []
        self.depth = 0

    def begin(self, scene: Scene) -> None:
        self.scene = scene
        self.waiting = [list(path) for path in self.chance.sample(PATHS, 2)]
        self.last = [path[-1] for path in self.waiting]
        scene.run()

    def set_status(self, repository: str, commit: str, status: CommitStatus) -> None:
        self._around(lambda: super(Restless, self).set_status(repository, commit, status))

    def create_deployment(self, repository: str, commit: str, deployment: ForgeDeployment) -> int:
        return int(self._around(lambda: super(Restless, self).create_deployment(repository, commit, deployment)))

    def set_deployment_state(self, repository: str, number: int, deployment: ForgeDeployment) -> None:
        self._around(lambda: super(Restless, self).set_deployment_state(repository, number, deployment))

    def _around(self, effect: Any) -> Any:
        if self.scene is None:
            return effect()
        self._happens()
        if self.chance.random() < 0.1:
            raise DOWN
        found = effect()
        self._happens()
        if self.chance.random() < 0.1:
            raise self.chance.choice([ForgeFailed("permission", "why"), DOWN, Killed()])
        return found

    def _happens(self) -> None:
        if self.depth < 3 and self.chance.random() < 0.4:
            self.depth += 1
            try:
                self.step()
            finally:
                self.depth -= 1

    def step(self) -> None:
        """Change something, deliver an event, which may be late or repeated, or let the schedule look."""
        assert self.scene
        scene, number = self.scene, self.chance.randrange(2)
        choice = self.chance.random()
        try:
            if choice < 0.35 and self.waiting[number]:
                scene.deployment(self.waiting[number].pop(0), number + 1)
            elif choice < 0.45:
                scene.ends()
            elif choice < 0.6:
                scene.reporting.report_run(RUN)
            elif choice < 0.9:
                name = f"hello-staging-2026112312000{number + 1}-ab1{number + 1}"
                scene.reporting.report_deployment(scene.staging, name)
            else:
                if not self.depth:  # no call lasts for minutes
                    scene.passes(timedelta(minutes=self.chance.choice([0, 1, 3])))
                scene.reporting.report_unsettled()
        except Killed:
            if self.depth:
                raise


def settle(scene: Scene, forge: Restless) -> None:
    """Let everything end, and let the schedule look a few times.

    An event about an end may be lost, if the schedule knows its subject.
    """
    for number, path in enumerate(forge.waiting, 1):
        while path:
            scene.deployment(path.pop(0), number)
    scene.ends()
    forge.scene = None
    scene.passes(timedelta(minutes=15))
    known = {each.subject for record in scene.memory.catalogue.reported() for each in record.latest}
    for number in forge.chance.sample([0, 1, 2], 3):
        name = f"hello-staging-2026112312000{number}-ab1{number}" if number else RUN
        if name in known and forge.chance.random() < 0.5:
            continue
        if number:
            scene.reporting.report_deployment(scene.staging, name)
        else:
            scene.reporting.report_run(RUN)
    for _ in range(4):
        scene.passes(max(CLAIM_LASTS, timedelta(minutes=15)))
        scene.reporting.report_unsettled()


@pytest.mark.parametrize("part", range(4))
def test_last_status_is_right_whatever_happened(part: int) -> None:
    for seed in range(part, SEEDS, 4):
        forge = Restless(random.Random(seed))  # noqa: S311 - it protects nothing
        scene = Scene.of(forge)
        forge.begin(scene)
        for _ in range(12):
            forge.step()
        settle(scene, forge)
        first, second = forge.last
        shown = first if second is DeploymentState.SUPERSEDED else second
        assert scene.shown() == {
            BUILD: f"success: hello {SNAPSHOT}",
            ON_STAGING: ENDS[shown][0].format(SNAPSHOT),
        }, f"seed {seed}"
        states = [state for commit, _, state in scene.forge.listed() if commit == COMMIT and state]
        assert {ENDS[first][1], ENDS[second][1]} <= set(states), f"seed {seed}"
        assert scene.reporting.report_unsettled() == [], f"seed {seed}"
