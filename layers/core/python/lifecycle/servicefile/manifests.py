"""The check of a manifest against the schema of lifecycle.toml.

A build writes its manifest itself, so anything may be in it. The manifest is turned back into the file that declares
it. So a constraint of the schema holds for manifests, too, and none has to be written twice. Called before a snapshot
is recorded, and by plans: an older version of Lifecycle may have published it.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from pydantic import ValidationError

from lifecycle.domain.analysis.model import Measure
from lifecycle.domain.errors import InvalidValue
from lifecycle.domain.service.manifest import MAXIMUM_ARTIFACT_BYTES, Manifest, Run
from lifecycle.domain.service.policy import After, Policy
from lifecycle.domain.service.version import SnapshotVersion
from lifecycle.servicefile.model import IsAliveTable, ManifestParts, RunTable, ServiceFile
from lifecycle.servicefile.problems import describe

# The longest list of commands in a file; a manifest has those of two lists.
_COMMANDS = 50
_MOST_SHOWN = 10


def refused_values(manifest: Manifest) -> list[str]:
    """Return each value that no lifecycle.toml can declare, with what is expected."""
    if not 0 <= manifest.size <= MAXIMUM_ARTIFACT_BYTES:
        return [f"size: expected 0 to {MAXIMUM_ARTIFACT_BYTES}, found {manifest.size}"]
    try:
        file = ServiceFile.model_validate(_declared(manifest))
    except ValidationError as error:
        problems = describe(ServiceFile, error.errors(include_url=False), {}, "")
        return [f"{each.field}: {each.message}" for each in problems][:_MOST_SHOWN]
    return _undeclarable(manifest, file.to_manifest_parts())


def _declared(manifest: Manifest) -> dict[str, Any]:
    """Return the lifecycle.toml that declares the manifest, without the keys whose absence declares a value."""
    return {
        "name": manifest.service,
        "version": _base(manifest.version),
        "run": _run(manifest.run),
        "processes": {name: asdict(each) for name, each in manifest.processes.items()},
        "schedules": {name: asdict(each) for name, each in manifest.schedules.items()},
        "build": {
            "unit_tests": manifest.tests[:_COMMANDS],
            "integration_tests": manifest.tests[_COMMANDS:],
            "supersede": manifest.supersede,
        },
        "checks": _checks(manifest),
        "config": asdict(manifest.config),
        "environments": {
            name: _environment(name, manifest) for name in dict.fromkeys((*manifest.policies, *manifest.environments))
        },
        **({"metrics": [_metric(each) for each in manifest.metrics]} if manifest.metrics else {}),
        **({"release": asdict(manifest.release)} if manifest.release else {}),
    }


def _base(version: str) -> str:
    try:
        return str(SnapshotVersion.parse(version).base)
    except InvalidValue:
        return version


def _run(run: Run) -> dict[str, Any]:
    given = asdict(run)
    return given if run.http else _without(given, {"port": 0, "start_seconds": RunTable(command="x").start_seconds})


def _checks(manifest: Manifest) -> dict[str, Any]:
    alive, test = asdict(manifest.is_alive), asdict(manifest.self_test)
    found: dict[str, Any] = {"self_test": _without(test, {"path": None, "command": None, "also": ()})}
    # A check that is_alive cannot be, such as a command, stays as an unknown key.
    alive = _without(alive, {"command": None})
    if not manifest.run.http:
        alive = _without(alive, {"path": None, "also": (), "timeout_seconds": IsAliveTable().timeout_seconds})
    if alive:
        found["is_alive"] = alive
    return found if manifest.metrics_path is None else {**found, "metrics": manifest.metrics_path}


def _environment(name: str, manifest: Manifest) -> dict[str, Any]:
    given: dict[str, Any] = {"environment": manifest.environments.get(name, {})}
    if policy := manifest.policies.get(name):
        given |= {key: str(value) if isinstance(value, str) else value for key, value in asdict(policy).items()}
        # No file says these two: the absence of `after` does.
        if policy.after in (After.DEFAULT, After.OLDER_BUILD):
            del given["after"]
    if not manifest.run.http:  # such a service has no requests, so it cannot declare these
        defaults = asdict(Policy())
        given = _without(given, {key: defaults[key] for key in _OF_REQUESTS})
    return given


_OF_REQUESTS = ("bake_minutes", "on_fail", "after_bake", "drain_seconds", "settle_seconds")


def _metric(measure: Measure) -> dict[str, Any]:
    return {
        "name": measure.name,
        "better": str(measure.better),
        "compare": str(measure.scale),
        "matters": measure.minimum_effect,
        "excludes": measure.non_inferiority_margin,
        "unit": measure.unit,
    }


def _without(given: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries but those that have these values."""
    return {key: value for key, value in given.items() if key not in values or value != values[key]}


def _undeclarable(manifest: Manifest, parts: ManifestParts) -> list[str]:
    """Return the parts that the file, which was made of the manifest, declares otherwise."""
    made = {name: getattr(manifest, name) for name in ManifestParts._fields}
    declared = parts._asdict()
    for each in (made, declared):
        each["policies"] = {name: replace(policy, after=After.NONE) for name, policy in each["policies"].items()}
    # An older build's manifest need not have the policy of each environment.
    declared["policies"] = {name: declared["policies"].get(name) for name in made["policies"]}
    made["environments"] = {name: each for name, each in made["environments"].items() if each}
    return [f"{name}: expected what lifecycle.toml can declare" for name in made if made[name] != declared[name]]
