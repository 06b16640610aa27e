"""Parses buildspecs: CodeBuild's YAML, version 0.2. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

PHASES = ("install", "pre_build", "build", "post_build")
_SHELLS = {"sh": "/bin/sh", "/bin/sh": "/bin/sh", "bash": "bash"}
_UNSUPPORTED = ("parameter-store", "secrets-manager")


class InvalidBuildspecError(Exception):
    """A buildspec is not valid; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class PhaseSpec:
    """One phase: its commands, the commands that always run after them, and its setting of `on-failure`."""

    commands: tuple[str, ...] = ()
    finally_: tuple[str, ...] = ()
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Buildspec:
    """The phases of a build, its shell, its variables, and the names of those to export."""

    phases: dict[str, PhaseSpec]
    shell: str = "/bin/sh"
    variables: dict[str, str] = field(default_factory=dict)
    exported: tuple[str, ...] = ()


def parse(text: str) -> Buildspec:
    """Parse a buildspec; raise InvalidBuildspecError."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidBuildspecError(f"not YAML: {error}") from error
    found = _mapping(found, "the buildspec")
    if str(found.get("version")) != "0.2":
        raise InvalidBuildspecError(f"expected version 0.2, found {found.get('version')!r}")
    environment = _mapping(found.get("env") or {}, "env")
    for name in _UNSUPPORTED:
        if environment.get(name):
            raise InvalidBuildspecError(f"env.{name} is not supported on a laptop; use env.variables")
    phases = _mapping(found.get("phases"), "phases")
    if unknown := sorted(phases.keys() - set(PHASES)):
        raise InvalidBuildspecError(f"expected phases {', '.join(PHASES)}; found {', '.join(unknown)}")
    return Buildspec(
        {name: _phase(name, phases[name]) for name in PHASES if phases.get(name)},
        _shell(environment.get("shell", "sh")),
        {str(k): str(v) for k, v in _mapping(environment.get("variables") or {}, "env.variables").items()},
        _texts(environment.get("exported-variables") or [], "env.exported-variables"),
    )


def _phase(name: str, found: Any) -> PhaseSpec:
    section = _mapping(found, f"phases.{name}")
    on_failure = section.get("on-failure", "ABORT")
    if on_failure not in ("ABORT", "CONTINUE"):
        raise InvalidBuildspecError(f"phases.{name}.on-failure: expected ABORT or CONTINUE, found {on_failure!r}")
    return PhaseSpec(
        _texts(section.get("commands") or [], f"phases.{name}.commands"),
        _texts(section.get("finally") or [], f"phases.{name}.finally"),
        on_failure == "CONTINUE",
    )


def _shell(name: Any) -> str:
    if name not in _SHELLS:
        raise InvalidBuildspecError(f"env.shell: expected sh or bash, found {name!r}")
    return _SHELLS[name]


def _mapping(found: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise InvalidBuildspecError(f"{where}: expected a mapping, found {type(found).__name__}")
    return found


def _texts(found: Any, where: str) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(each, str | int | float) for each in found):
        raise InvalidBuildspecError(f"{where}: expected a list of strings, found {found!r:.200}")
    return tuple(str(each) for each in found)
