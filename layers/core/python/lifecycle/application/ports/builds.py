"""The port to the build service, used by delivery/build.py."""

from collections.abc import Mapping
from typing import Protocol


class BuildState(Protocol):
    """The state of a build: `kind` is RUNNING, SUCCEEDED or FAILED; `stopped` says that StopBuild ended it."""

    @property
    def kind(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def exported(self) -> Mapping[str, str]: ...
    @property
    def stopped(self) -> bool: ...


class Builds(Protocol):
    """The build service."""

    def start(self, repository: str, commit: str, token: str, environment: Mapping[str, str]) -> str:
        """Start a build, at most once a `token`; returns its id, or raises BuildsFull."""

    def state(self, build: str) -> BuildState: ...

    def stop(self, build: str) -> None:
        """End a build with its processes; one that has ended or does not exist stays as it is."""
