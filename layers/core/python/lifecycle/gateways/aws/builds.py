"""Builds in CodeBuild."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lifecycle.domain.delivery.clone_url import codecommit_name
from lifecycle.domain.errors import BuildsFull
from lifecycle.gateways.aws.errors import code_of, failure, translated

_LOG_LINES = 20
_FULL = (
    "CodeBuild has as many builds in its queue as this account may have; a young account has few: the quotas page of "
    "CodeBuild raises that"
)
_MOST_CHARACTERS = 6000  # of a reason; its end is what helps


@dataclass(frozen=True, slots=True)
class CodeBuildState:
    """RUNNING, SUCCEEDED or FAILED; `reason` names the failed phase and ends with the log's last lines."""

    kind: str
    reason: str = ""
    exported: Mapping[str, str] = field(default_factory=dict)
    stopped: bool = False


def missing_build(build: str) -> str:
    """Return the reason of a build that does not exist."""
    return f"CodeBuild has no build '{build}'; push the commit again to start another"


@translated
class CodeBuilds:
    """One project builds every service; each start names the source.

    A CodeCommit repository is pulled with a role of its own, whose ARN is `roles` and the repository's name. Else a
    build command could pull every repository that any build may pull.
    """

    def __init__(self, codebuild: Any, logs: Any, project: str, roles: str = "") -> None:
        self._codebuild = codebuild
        self._logs = logs
        self._project = project
        self._roles = roles

    def start(self, repository: str, commit: str, token: str, environment: Mapping[str, str]) -> str:
        kind, role = "GITHUB", {}
        if name := codecommit_name(repository):
            kind, role = "CODECOMMIT", {"serviceRoleOverride": f"{self._roles}{name}"}
        try:
            found = self._codebuild.start_build(
                projectName=self._project,
                sourceTypeOverride=kind,
                sourceLocationOverride=repository,
                sourceVersion=commit,
                idempotencyToken=token,
                **role,
                environmentVariablesOverride=[
                    {"name": name, "value": value, "type": "PLAINTEXT"} for name, value in environment.items()
                ],
            )
        except Exception as error:
            if code_of(error) != "AccountLimitExceededException":
                raise
            raise BuildsFull(_FULL) from error
        return str(found["build"]["id"])

    def state(self, build: str) -> CodeBuildState:
        # An empty id is none that CodeBuild looks up.
        found = self._codebuild.batch_get_builds(ids=[build])["builds"] if build else []
        if not found:
            return CodeBuildState("FAILED", missing_build(build))
        return self._state(found[0])

    def stop(self, build: str) -> None:
        try:
            self._codebuild.stop_build(id=build)
        except Exception as error:
            if code_of(error) not in ("ResourceNotFoundException", "InvalidInputException"):
                raise

    def _state(self, build: dict[str, Any]) -> CodeBuildState:
        status = build["buildStatus"]
        if status == "IN_PROGRESS":
            return CodeBuildState("RUNNING", build.get("currentPhase", ""))
        if status == "SUCCEEDED":
            exported = {each["name"]: each["value"] for each in build.get("exportedEnvironmentVariables", [])}
            return CodeBuildState("SUCCEEDED", exported=exported)
        failed = [phase for phase in build.get("phases", []) if phase.get("phaseStatus") not in (None, "SUCCEEDED")]
        where = failed[0]["phaseType"] if failed else status
        messages = [context.get("message", "") for phase in failed for context in phase.get("contexts", [])]
        reason = "\n".join([f"build {status} in {where}", *filter(None, messages), *self._log_end(build)])
        return CodeBuildState("FAILED", reason[-_MOST_CHARACTERS:], stopped=status == "STOPPED")

    def _log_end(self, build: dict[str, Any]) -> list[str]:
        logs = build.get("logs", {})
        if not logs.get("groupName") or not logs.get("streamName"):
            return []
        try:
            found = self._logs.get_log_events(
                logGroupName=logs["groupName"],
                logStreamName=logs["streamName"],
                limit=_LOG_LINES,
                startFromHead=False,
            )
        except Exception as error:
            if code_of(error) == "ResourceNotFoundException":
                return []
            # The build has failed, whether or not its log can be read.
            if (words := failure(error)) is None:
                raise
            return [f"its log could not be read: {words}"]
        return [event["message"].rstrip("\n") for event in found["events"]][-_LOG_LINES:]
