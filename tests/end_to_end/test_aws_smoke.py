"""The steps of tools/aws_smoke on this machine: its environment stands in for the stacks, a push for CodeCommit."""

import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from apps.local.services.removal import known_services
from lifecycle.names import Account
from tests.conftest import Laptop
from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import add_service
from tests.end_to_end.service import Service
from tools.aws_smoke.cloud import Answer, Ending, Part, SmokeFailed, Verdict
from tools.aws_smoke.commands import Commands
from tools.aws_smoke.example import SERVICE, files
from tools.aws_smoke.journal import Journal
from tools.aws_smoke.probes import Probes
from tools.aws_smoke.smoke import Smoke, lines
from tools.aws_smoke.spending import HOSTS, Budget
from tools.cost.__main__ import PRICES

pytestmark = pytest.mark.emulator

# The emulator checks every target at once, and has neither FILL, nor reports of Lambda, nor a simulation of policies.
ANSWERED = ("double-hyphen", "identity-in-event", "weight-zero-health")


@dataclass
class LaptopCloud:
    """The port of the kit over the environment of the tests."""

    operator: Operator
    laptop: Laptop
    folder: Path
    service: Service | None = None

    @cached_property
    def commands(self) -> Commands:
        def run(command: Sequence[str]) -> tuple[int, str, str]:
            done = self.operator.run(command)
            return done.code, done.out, done.err

        return Commands(run, SERVICE, poll_seconds=0.5)

    def blockers(self) -> Sequence[str]:
        return ["the service exists already"] if SERVICE in known_services(self.laptop.layout) else []

    def make(self, part: Part) -> None:
        if part is not Part.CLUSTER:
            return
        for path, content in files(broken=False):
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        self.service = add_service(self.operator, self.laptop, self.folder, HOSTS)

    def push(self, *, broken: bool) -> str:
        if self.service is None:
            raise SmokeFailed("nothing was made")
        for path, content in files(broken=broken):
            (self.service.copy / path).write_bytes(content)
        commit = self.service.push("Fail the self-test" if broken else "The example").rpartition("-")[2]
        return self.commands.promoted(self.commands.snapshot_of(commit))

    def roll_out(self, release: str) -> Ending:
        return self.commands.deploy(release)

    def roll_back(self) -> Ending:
        return self.commands.roll_back()

    def answer(self, question: str) -> Answer:
        if question not in ANSWERED or self.service is None:
            return Answer(question, Verdict.NOT_MEASURED, "only AWS can show it")
        account = Account("aws", self.laptop.facts["region"], self.laptop.facts["account"])
        balancer = self.laptop.aws.balancer()
        probes = Probes(
            lambda name: balancer if name == "elbv2" else self.laptop.aws.client(name),
            account,
            self.commands,
            self.operator.name,
            self.service.url,
        )
        return probes.answer(question)

    def remove(self, part: Part) -> None:
        if part is Part.CLUSTER and SERVICE in known_services(self.laptop.layout):
            self.operator("local", "remove", SERVICE, "--yes")

    def left(self) -> Sequence[str]:
        return [each for each in known_services(self.laptop.layout) if each == SERVICE]


def test_kit_runs_whole_on_a_laptop_and_leaves_nothing(operator: Operator, laptop: Laptop, tmp_path: Path) -> None:
    cloud = LaptopCloud(operator, laptop, tmp_path / SERVICE)
    said: list[str] = []
    budget = Budget(5.0, tomllib.loads(PRICES.read_text()), lambda: 0.0)
    report = Smoke(cloud, Journal(tmp_path / "journal.json"), budget, said.append).run()
    assert report.succeeded, "\n".join([*said, *lines(report)])
    measured = {each.question: each for each in report.answers if each.question in ANSWERED}
    assert {each.verdict for each in measured.values()} == {Verdict.AS_DESIGNED}, measured


def test_command_without_a_profile_says_what_is_missing(operator: Operator) -> None:
    done = operator.run([sys.executable, "-m", "tools.aws_smoke"])
    assert done.code == 2
    assert "--profile" in done.err
