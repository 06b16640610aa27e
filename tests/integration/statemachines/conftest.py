"""The machines of statemachines/, executed by the emulator over Lambdas that answer from a script."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from apps.local.aws import root_key
from apps.local.aws.clients import Aws
from apps.local.aws.emulator import start_emulator, wait_for_emulator
from apps.local.paths import ACCOUNT, REGION, Layout
from apps.local.ports import Ports
from apps.local.processes import end
from lifecycle.entrypoints import delivery_events, events
from lifecycle.entrypoints.recordable import Command
from tests.integration.statemachines.acting import Acting, client_of_role
from tests.integration.statemachines.definitions import MACHINES, resolved
from tests.support.polling import wait_for

# Every function is this one: it records its event, and takes its next answer from the test's script.
_FAKE = """
import fcntl, json, os
def handle(event, context):
    phase = os.environ["PHASE"]
    with open(os.environ["FOLDER"] + "/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        name = os.environ["FOLDER"] + "/script.json"
        with open(name) as file:
            script = json.load(file)
        script["calls"].append([phase, event])
        answers = script["answers"].get(phase, [])
        answer = answers.pop(0) if len(answers) > 1 else answers[0] if answers else {}
        with open(name + ".new", "w") as file:
            json.dump(script, file)
        os.replace(name + ".new", name)
    if "raise" in answer:
        raise RuntimeError(answer["raise"])
    print(phase)
    if phase == "next_step" and "kind" in answer and answer.get("round") != "none":
        answer["round"] = event["round"] + 1
    return answer
"""
# The events that the functions' handlers accept; any other event would fail in the real function.
_EVENTS: dict[str, type[Command]] = {
    "plan": events.Start,
    "next_step": events.InDeployment,
    **dict.fromkeys(("drain", "install", "self_test", "register", "await_alive"), events.OnHost),
    "diagnose": events.OnHost,
    "analyse": events.OfTestBed,
    "end_bake": events.EndOfTestBed,
    "await_human": events.AskHuman,
    "roll_back": events.HandOver,
    "finish": events.Close,
    "start_build": delivery_events.StartBuild,
    "check_build": delivery_events.CheckBuild,
    "start_services": delivery_events.StartServices,
    "record_snapshot": delivery_events.RecordSnapshot,
    "converge": events.Converge,
}


@dataclass(frozen=True)
class Ended:
    """The end of an execution."""

    status: str
    output: Any
    error: str
    cause: str


@dataclass
class Stage:
    """The machines over scripted functions: `play` sets answers, `start` runs, `calls` returns the calls."""

    aws: Aws
    folder: Path

    def play(self, **answers: list[dict[str, Any]]) -> None:
        """Set the answers of each function in their order; the last one is repeated."""
        self._write({"answers": answers, "calls": []})

    def calls(self, phase: str | None = None) -> list[tuple[str, dict[str, Any]]]:
        """Return the calls so far with their events; raises for an event that the handler would refuse.

        The round of the loop, which most tests do not care about, is left out: see `rounds`.
        """
        found = self._calls()
        for name, event in found:
            _EVENTS[name].model_validate(event)
        without = [(name, {n: v for n, v in event.items() if n != "round"}) for name, event in found]
        return [(name, event) for name, event in without if phase in (None, name)]

    def rounds(self) -> list[int]:
        """Return the round of each call of next_step."""
        return [event["round"] for name, event in self._calls() if name == "next_step"]

    def _calls(self) -> list[tuple[str, dict[str, Any]]]:
        return [(name, event) for name, event in json.loads((self.folder / "script.json").read_text())["calls"]]

    def phases(self) -> list[str]:
        return [name for name, _ in self._calls()]

    def start(self, machine: str, name: str, payload: Any) -> str:
        started = self.aws.client("stepfunctions").start_execution(
            stateMachineArn=_machine_arn(machine), name=name, input=json.dumps(payload)
        )
        return str(started["executionArn"])

    def run(self, machine: str, name: str, payload: Any) -> Ended:
        return self.ended(self.start(machine, name, payload))

    def ended(self, execution: str) -> Ended:
        """Wait for the end of an execution."""
        found = self._wait(lambda: self._over(execution), f"{execution} to end")
        output = json.loads(found["output"]) if found.get("output") else None
        return Ended(found["status"], output, found.get("error", ""), found.get("cause", ""))

    def until_called(self, phase: str, times: int = 1) -> dict[str, Any]:
        """Wait until a function was called that often; returns the event of its latest call."""
        calls = self._wait(
            lambda: found if len(found := self.calls(phase)) >= times else None, f"{times} calls of {phase}"
        )
        event: dict[str, Any] = calls[-1][1]
        return event

    def _over(self, execution: str) -> Any:
        found = self.aws.client("stepfunctions").describe_execution(executionArn=execution)
        return found if found["status"] != "RUNNING" else None

    def _wait(self, read: Any, what: str) -> Any:
        return wait_for(f"{what}; calls so far: {self.phases()}", read)

    def _write(self, script: dict[str, Any]) -> None:
        (self.folder / "script.json").write_text(json.dumps(script))


def _machine_arn(name: str) -> str:
    return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:lifecycle-{name}"


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """The embedded AWS alone."""
    layout, ports = Layout(tmp_path_factory.mktemp("emulator")), Ports.free()
    root = root_key.new()
    part = start_emulator(layout, ports, root)
    try:
        wait_for_emulator(layout, part, ports)
        yield Aws(ports, root)
    finally:
        end(layout, [part])


@pytest.fixture
def acting(emulator: Aws, request: pytest.FixtureRequest) -> Acting:
    """A function that returns a client of a role with one statement."""
    name = re.sub(r"\W", "-", request.node.name)[-60:]
    return lambda service, statement: client_of_role(emulator, name, service, statement)


@pytest.fixture(scope="session")
def stage(emulator: Aws, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Both machines, deployed over scripted functions."""
    folder = tmp_path_factory.mktemp("script")
    role = _role(emulator)
    for phase in sorted({"converge"} | {phase for machine in MACHINES.values() for phase in machine.calls}):
        emulator.client("lambda").create_function(
            FunctionName=f"lifecycle-{phase.replace('_', '-')}",
            Runtime="python3.13",
            Handler="handler.handle",
            Role=role,
            Timeout=60,
            Code={"ZipFile": _zipped(_FAKE)},
            Environment={"Variables": {"PHASE": phase, "FOLDER": str(folder)}},
        )
    for name in MACHINES:
        emulator.client("stepfunctions").create_state_machine(
            name=f"lifecycle-{name}", definition=json.dumps(resolved(name)), roleArn=role
        )
    return Stage(emulator, folder)


def _role(aws: Aws) -> str:
    principals = {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principals}
    made = aws.client("iam").create_role(
        RoleName="scripted",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )
    return str(made["Role"]["Arn"])


def _zipped(source: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("handler.py", source)
    return buffer.getvalue()
