"""One build, phase by phase, as CodeBuild runs it.

A failure in INSTALL or PRE_BUILD ends the build. After a failure in BUILD, POST_BUILD still runs. A phase's `finally`
always runs. With `on-failure: CONTINUE` the next phase runs, and the build still fails.
"""

import os
import shlex
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from apps.build.read_only import delete
from apps.local.codebuild import build_record as records
from apps.local.codebuild.account import Account
from apps.local.codebuild.build_log import BuildLog
from apps.local.codebuild.build_record import Record
from apps.local.codebuild.buildspec import Buildspec, InvalidBuildspecError, PhaseSpec, parse
from apps.local.codebuild.cancellation import Cancellation, CancelledError
from apps.local.codebuild.secondary_sources import UnresolvedError
from apps.local.codebuild.shell import Shell
from apps.local.codebuild.sources import PhaseFailedError, clone
from apps.local.codebuild.unpacked_zips import UnpackedZips
from lifecycle.domain.foreign_json import object_or_empty

# apps/build/cache.py reads it. The commands of a service do not see it.
_CACHES = "LIFECYCLE_BUILD_CACHE"
_ENDS_BUILD = ("install", "pre_build")


class Build:
    """One build: the API shows `record`, and `on_change` is called after each change of it."""

    def __init__(
        self, account: Account, record: Record, sources: list[dict[str, str]], zips: UnpackedZips, folder: Path
    ) -> None:
        self.record, self.cancellation = record, Cancellation()
        self.on_change: Callable[[], None] = lambda: None
        self._account, self._secondary, self._zips, self._folder = account, sources, zips, folder
        self._scratch, self._source = folder / "scratch", folder / "src"
        self._failed = False
        self._exported: list[tuple[str, str]] = []

    def run(self, build_log: BuildLog) -> None:
        """Run to the end; leave nothing but the record and the log."""
        minutes = self.record["timeoutInMinutes"]
        alarm = threading.Timer(minutes * 60, self.cancellation.cancel, ("TIMED_OUT",))
        alarm.daemon = True
        alarm.start()
        try:
            status = self._phases(build_log)
        except CancelledError as error:
            status = str(error)
            records.end_phase(self.record, status, "", f"the build ended with {status}")
            build_log.say(f"Build ended: {status}")
        finally:
            alarm.cancel()
            delete(self._folder)
            build_log.close()
        records.complete(self.record, status, self._exported)
        self.on_change()

    def _phases(self, build_log: BuildLog) -> str:
        self.cancellation.check()
        records.end_phase(self.record, "SUCCEEDED")
        try:
            with self._phase("PROVISIONING", build_log):
                environment = self._provision(build_log)
            with self._phase("DOWNLOAD_SOURCE", build_log):
                spec = self._download(environment)
        except PhaseFailedError:
            self._failed = True
        else:
            given = spec.variables | environment
            with Shell(spec.shell, self._source, self._scratch, given, self.cancellation) as shell:
                self._run(spec, shell, build_log)
                self._exported = self._export(spec, shell)
        for name in ("UPLOAD_ARTIFACTS", "FINALIZING"):
            with self._phase(name, build_log):
                pass
        return "FAILED" if self._failed else "SUCCEEDED"

    @contextmanager
    def _phase(self, name: str, build_log: BuildLog) -> Iterator[None]:
        self.cancellation.check()
        records.begin_phase(self.record, name)
        self.on_change()
        try:
            yield
        except PhaseFailedError as error:
            records.end_phase(self.record, "FAILED", error.code, str(error))
            build_log.say(f"Phase complete: {name} State: FAILED")
            build_log.say(f"Phase context status code: {error.code} Message: {error}")
            raise
        records.end_phase(self.record, "SUCCEEDED")
        build_log.say(f"Phase complete: {name} State: SUCCEEDED")

    def _provision(self, build_log: BuildLog) -> dict[str, str]:
        for folder in (self._folder, self._scratch, self._source):
            folder.mkdir(parents=True)
        try:
            credentials = self._account.assume(self.record["serviceRole"], self.record["logs"]["streamName"])
            build_log.open_stream(self._account.client("logs", credentials))
        except (BotoCoreError, ClientError) as error:
            message = f"the service role {self.record['serviceRole']} cannot be used: {error}"
            raise PhaseFailedError("ACCESS_DENIED", message) from error
        self._credentials = credentials
        return self._environment(credentials)

    def _environment(self, credentials: dict[str, str]) -> dict[str, str]:
        """Return the commands' environment: this machine's PATH, HOME and LANG, AWS's variables, the build's own."""
        environment = {"PATH": search_path(), "HOME": os.environ.get("HOME", "/")}
        environment |= {"LANG": os.environ.get("LANG", "C.UTF-8")} | self._account.environment(credentials)
        for each in self.record["environment"]["environmentVariables"]:
            if each.get("type", "PLAINTEXT") != "PLAINTEXT":
                message = f"variable {each['name']} is of type {each['type']}, expected PLAINTEXT"
                raise PhaseFailedError("INVALID_INPUT", message)
            environment[each["name"]] = each.get("value", "")
        return environment | {
            "CODEBUILD_BUILD_ID": self.record["id"],
            "CODEBUILD_BUILD_ARN": self.record["arn"],
            "CODEBUILD_BUILD_NUMBER": str(self.record.get("buildNumber", "")),
            "CODEBUILD_BUILD_SUCCEEDING": "1",
            "CODEBUILD_INITIATOR": self.record.get("initiator", ""),
            "CODEBUILD_LOG_PATH": self.record["logs"]["streamName"],
            "CODEBUILD_SOURCE_REPO_URL": self.record["source"].get("location", ""),
            "CODEBUILD_SOURCE_VERSION": self.record["sourceVersion"],
            "CODEBUILD_SRC_DIR": str(self._source),
            _CACHES: str(self._folder.parents[1] / "cache"),
            "CODEBUILD_START_TIME": str(int(self.record["startTime"] * 1000)),
        }

    def _download(self, environment: dict[str, str]) -> Buildspec:
        source = self.record["source"]
        try:
            if source.get("type", "NO_SOURCE") != "NO_SOURCE":
                version = self.record["sourceVersion"]
                commit = clone(source["location"], version, self._source, environment, self.cancellation)
                self.record["resolvedSourceVersion"] = commit
                environment["CODEBUILD_RESOLVED_SOURCE_VERSION"] = commit
            for each in self._secondary or self._account.secondary_sources(self.record["projectName"]):
                folder = self._folder / f"src_{each['sourceIdentifier']}"
                s3 = self._account.client("s3", self._credentials)
                self._zips.link(s3, each["location"], folder)
                environment[f"CODEBUILD_SRC_DIR_{each['sourceIdentifier']}"] = str(folder)
            return parse(self._buildspec(source.get("buildspec", "")))
        except UnresolvedError as error:
            raise PhaseFailedError("INVALID_INPUT", str(error)) from error
        except InvalidBuildspecError as error:
            raise PhaseFailedError("YAML_FILE_ERROR", str(error)) from error

    def _buildspec(self, given: str) -> str:
        if "\n" in given or given.startswith("{"):
            return given
        path = self._source / (given or "buildspec.yml")
        if not path.is_file():
            raise InvalidBuildspecError(f"expected a buildspec in {given or 'buildspec.yml'}, found no such file")
        return path.read_text()

    def _run(self, spec: Buildspec, shell: Shell, build_log: BuildLog) -> None:
        for name in ("install", "pre_build", "build", "post_build"):
            found = spec.phases.get(name, PhaseSpec())
            try:
                with self._phase(name.upper(), build_log):
                    self._commands(found, shell, build_log)
            except PhaseFailedError:
                self._failed = True
                shell.run("export CODEBUILD_BUILD_SUCCEEDING=0", build_log.write)
                if name in _ENDS_BUILD and not found.goes_on:
                    return

    def _commands(self, found: PhaseSpec, shell: Shell, build_log: BuildLog) -> None:
        failure: PhaseFailedError | None = None
        for commands in (found.commands, found.finally_):
            for command in commands:
                build_log.say(f"Running command {command}")
                if status := shell.run(command, build_log.write):
                    message = f"Error while executing command: {command}. Reason: exit status {status}"
                    failure = failure or PhaseFailedError("COMMAND_EXECUTION_ERROR", message)
                    break
        if failure:
            raise failure

    def _export(self, spec: Buildspec, shell: Shell) -> list[tuple[str, str]]:
        if not spec.exported:
            return []
        path = self._scratch / "exported.json"
        program = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))"
        shell.run(shlex.join([sys.executable, "-I", "-c", program, str(path)]), lambda _: None)
        # The commands of the build can write this file, too.
        found = object_or_empty(path.read_bytes()) if path.exists() else {}
        return [(name, found[name]) for name in spec.exported if isinstance(found.get(name), str)]


def search_path() -> str:
    """Return PATH with this Python's base folder first, and without its virtual environment.

    So a build's `python3` is the version that its layers were built for, and imports only what they contain.
    """
    own = str(Path(sys.base_prefix) / "bin")
    virtual = str(Path(sys.prefix) / "bin")
    found = [each for each in os.environ.get("PATH", os.defpath).split(os.pathsep) if each != virtual]
    return os.pathsep.join(
        [own, *(each for each in found if each != own)] if Path(own, "python3").exists() else found
    )
