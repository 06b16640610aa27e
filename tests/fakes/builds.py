"""Builds in memory: a test sets the state of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lifecycle.gateways.aws.builds import CodeBuildState, missing_build


@dataclass
class MemoryBuilds:
    """The `started` builds by id, each with its environment, and their `states`; a new one is RUNNING."""

    started: dict[str, Mapping[str, str]] = field(default_factory=dict)
    states: dict[str, CodeBuildState] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)

    def start(self, repository: str, commit: str, token: str, environment: Mapping[str, str]) -> str:
        del repository, commit
        build = self._tokens.setdefault(token, f"lifecycle-build:{len(self._tokens) + 1}")
        self.started.setdefault(build, dict(environment))
        self.states.setdefault(build, CodeBuildState("RUNNING", "SUBMITTED"))
        return build

    def state(self, build: str) -> CodeBuildState:
        return self.states.get(build) or CodeBuildState("FAILED", missing_build(build))

    def stop(self, build: str) -> None:
        if build in self.states and self.states[build].kind == "RUNNING":
            self.states[build] = CodeBuildState("FAILED", "build STOPPED in BUILD", stopped=True)
