"""The port to the build service."""

from collections.abc import Mapping
from typing import Protocol


class Builds(Protocol):
    """The build service."""

    def start(self, repository: str, commit: str, token: str, environment: Mapping[str, str]) -> str:
        """Start a build, once a `token`; returns its id."""
        ...

    def state(self, build: str) -> "BuildState": ...


class BuildState(Protocol):
    """What a build says of itself: `kind` is RUNNING, SUCCEEDED or FAILED."""

    @property
    def kind(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def exported(self) -> Mapping[str, str]: ...
