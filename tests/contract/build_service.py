"""CodeBuild in memory, behind botocore's client: the emulator's has no idempotency tokens, and runs no builds."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from lifecycle.gateways.aws.builds import CodeBuilds, CodeBuildState
from tests.support.json_service import json_client


class BuildService:
    """Builds by id, as CodeBuild describes them; a test ends one with `end`."""

    def __init__(self) -> None:
        self.builds: dict[str, dict[str, Any]] = {}
        self._by_token: dict[str, str] = {}
        operations = {"StartBuild": self._start, "BatchGetBuilds": self._get, "StopBuild": self._stop}
        self.codebuild = json_client("codebuild", operations)
        self.logs = json_client("logs", {"GetLogEvents": _no_log, "FilterLogEvents": lambda _: {"events": []}})
        self.gateway = CodeBuilds(self.codebuild, self.logs, "build")

    def end(self, build: str, state: CodeBuildState) -> None:
        exported = [{"name": name, "value": value} for name, value in state.exported.items()]
        failed = {"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": [{"message": state.reason}]}
        self.builds[build] |= {
            "buildStatus": state.kind,
            "exportedEnvironmentVariables": exported,
            "phases": [failed] if state.kind == "FAILED" else [],
        }

    def _start(self, given: dict[str, Any]) -> Mapping[str, Any]:
        token = given["idempotencyToken"]
        build = self._by_token.setdefault(token, f"lifecycle-build:{len(self._by_token) + 1}")
        running = {"id": build, "buildStatus": "IN_PROGRESS", "currentPhase": "SUBMITTED"}
        return {"build": self.builds.setdefault(build, {**running, "logs": {"groupName": "g", "streamName": "s"}})}

    def _stop(self, given: dict[str, Any]) -> Mapping[str, Any]:
        build = self.builds.get(given["id"])
        if build is None:
            raise ClientError(
                {"Error": {"Code": "ResourceNotFoundException", "Message": "no such build"}}, "StopBuild"
            )
        if build["buildStatus"] == "IN_PROGRESS":
            build |= {"buildStatus": "STOPPED", "phases": [{"phaseType": "BUILD", "phaseStatus": "STOPPED"}]}
        return {"build": build}

    def _get(self, given: dict[str, Any]) -> Mapping[str, Any]:
        return {"builds": [self.builds[each] for each in given["ids"] if each in self.builds]}


def _no_log(given: dict[str, Any]) -> Mapping[str, Any]:
    del given
    raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no such stream"}}, "GetLogEvents")
