"""A build's record in CodeBuild's own shape, as BatchGetBuilds answers it, phase by phase."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from lifecycle import names

Record = dict[str, Any]
RUNNING = "IN_PROGRESS"


def new_record(build: Mapping[str, Any], request: Mapping[str, Any], project: Mapping[str, Any]) -> Record:
    """Return the record of a build that was just accepted; `build` is the emulator's and has the identifier."""
    now = time.time()
    _, _, unique = str(build["id"]).partition(":")
    source = dict(project.get("source", {}))
    for key in ("type", "location"):
        if value := request.get(f"source{key.title()}Override"):
            source[key] = value
    if text := request.get("buildspecOverride"):
        source["buildspec"] = text
    environment = dict(project.get("environment", {}))
    environment["environmentVariables"] = variables(project, request)
    record = {
        **build,
        "startTime": now,
        "currentPhase": "QUEUED",
        "buildStatus": RUNNING,
        "buildComplete": False,
        "sourceVersion": request.get("sourceVersion") or project.get("sourceVersion") or "",
        "source": source,
        "environment": environment,
        "serviceRole": request.get("serviceRoleOverride") or project.get("serviceRole", ""),
        "timeoutInMinutes": request.get("timeoutInMinutesOverride") or project.get("timeoutInMinutes") or 60,
        "phases": [],
        "exportedEnvironmentVariables": [],
        "logs": {"groupName": names.build_log(build["projectName"]), "streamName": unique},
    }
    record.pop("endTime", None)
    begin_phase(record, "SUBMITTED")
    end_phase(record, "SUCCEEDED")
    begin_phase(record, "QUEUED")
    return record


def variables(project: Mapping[str, Any], request: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the project's environment variables, overridden by those of the call."""
    given = list(project.get("environment", {}).get("environmentVariables") or [])
    given += request.get("environmentVariablesOverride") or []
    return list({each["name"]: each for each in given}.values())


def begin_phase(record: Record, name: str) -> None:
    """Begin the next phase."""
    record["currentPhase"] = name
    record["phases"] = [*record["phases"], {"phaseType": name, "startTime": time.time()}]


def end_phase(record: Record, status: str, code: str = "", message: str = "") -> None:
    """End the running phase, if there is one."""
    if not record["phases"] or "endTime" in record["phases"][-1]:
        return
    phase, now = dict(record["phases"][-1]), time.time()
    phase |= {"phaseStatus": status, "endTime": now}
    phase["durationInSeconds"] = round(now - phase["startTime"])
    phase["contexts"] = [{"statusCode": code, "message": message}]
    record["phases"] = [*record["phases"][:-1], phase]


def complete(record: Record, status: str, exported: Sequence[tuple[str, str]] = ()) -> None:
    """End the build."""
    record["exportedEnvironmentVariables"] = [{"name": name, "value": value} for name, value in exported]
    begin_phase(record, "COMPLETED")
    record["endTime"] = time.time()
    record["buildStatus"] = status
    record["buildComplete"] = True


def fault(record: Record, why: str) -> None:
    """End a build that no process runs any more."""
    end_phase(record, "FAULT", "INTERNAL_SERVICE_ERROR", why)
    complete(record, "FAULT")
