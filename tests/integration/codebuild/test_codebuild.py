"""The build service, with a real emulator, a real repository and real commands."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.integration.codebuild.conftest import Workshop, phase, service
from tests.integration.dispatcher.harness import client, ended, role, session
from tests.support.polling import until

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(120)]

GREEN = """
version: 0.2
env:
  variables: {FROM_SPEC: spec}
  exported-variables: [VERSION, SEEN, MISSING]
phases:
  install:
    commands:
      - export VERSION=$(cat version)
      - LOCAL=kept
  build:
    commands:
      - |
        export SEEN="$GREETING $EXTRA $FROM_SPEC $LOCAL $(git rev-parse HEAD)"
        echo "$SEEN"
      - env | sort
    finally:
      - echo finally
  post_build:
    commands:
      - echo "succeeding=$CODEBUILD_BUILD_SUCCEEDING in $(pwd)"
"""


def test_successful_build_runs_every_phase_in_one_shell_and_exports_variables(workshop: Workshop) -> None:
    workshop.project("green", GREEN)
    extra = [{"name": "EXTRA", "value": "over", "type": "PLAINTEXT"}]
    build = workshop.finished(workshop.start("green", environmentVariablesOverride=extra))
    assert build["buildStatus"] == "SUCCEEDED", workshop.log(build)
    exported = {each["name"]: each["value"] for each in build["exportedEnvironmentVariables"]}
    assert exported == {"VERSION": "1.4.0", "SEEN": f"hello over spec kept {workshop.commit}"}
    assert [each["phaseType"] for each in build["phases"]] == [
        "SUBMITTED",
        "QUEUED",
        "PROVISIONING",
        "DOWNLOAD_SOURCE",
        "INSTALL",
        "PRE_BUILD",
        "BUILD",
        "POST_BUILD",
        "UPLOAD_ARTIFACTS",
        "FINALIZING",
        "COMPLETED",
    ]
    assert {each["phaseStatus"] for each in build["phases"][:-1]} == {"SUCCEEDED"}
    assert build["resolvedSourceVersion"] == workshop.commit
    assert build["currentPhase"] == "COMPLETED"
    assert build["endTime"] >= build["startTime"]
    log = workshop.log(build)
    assert {"finally", exported["SEEN"]} <= set(log)
    assert any(line.startswith("succeeding=1 in ") for line in log)
    assert not any("SECRET_OF_THIS_MACHINE" in line for line in log)
    assert not list((workshop.folder / "builds/work").iterdir())


def test_failing_command_fails_the_build_with_its_phase_and_the_end_of_the_log(workshop: Workshop) -> None:
    spec = """
version: 0.2
phases:
  build:
    commands: ["echo before", "echo 'test_total: expected 3, found 4'; exit 7", "echo never"]
    finally: ["echo tidy"]
  post_build:
    commands: ['echo "succeeding=$CODEBUILD_BUILD_SUCCEEDING"']
"""
    workshop.project("failing", spec)
    build = workshop.finished(workshop.start("failing"))
    assert build["buildStatus"] == "FAILED"
    failed = phase(build, "BUILD")
    assert failed["phaseStatus"] == "FAILED"
    assert failed["contexts"][0]["statusCode"] == "COMMAND_EXECUTION_ERROR"
    assert "exit status 7" in failed["contexts"][0]["message"]
    assert phase(build, "POST_BUILD")["phaseStatus"] == "SUCCEEDED"
    log = workshop.log(build)
    assert {"before", "test_total: expected 3, found 4", "tidy", "succeeding=0"} <= set(log)
    assert "never" not in log


def test_failure_before_the_build_phase_ends_the_build(workshop: Workshop) -> None:
    spec = 'version: 0.2\nphases: {pre_build: {commands: ["false"]}, post_build: {commands: ["echo never"]}}\n'
    workshop.project("early", spec)
    build = workshop.finished(workshop.start("early"))
    assert build["buildStatus"] == "FAILED"
    assert {"BUILD", "POST_BUILD"}.isdisjoint(each["phaseType"] for each in build["phases"])
    assert "never" not in workshop.log(build)


def test_unknown_commit_fails_the_download(workshop: Workshop) -> None:
    workshop.project("bad-commit", GREEN)
    build = workshop.finished(workshop.start("bad-commit", "0" * 40))
    assert build["buildStatus"] == "FAILED"
    download = phase(build, "DOWNLOAD_SOURCE")
    assert download["phaseStatus"] == "FAILED"
    assert "0" * 40 in download["contexts"][0]["message"]


def test_a_role_that_may_not_start_builds_is_denied_and_nothing_runs(workshop: Workshop) -> None:
    workshop.project("denied", GREEN)
    arn = role(workshop.emulator, "watcher", {"AWS": "*"}, ["codebuild:BatchGetBuilds"])
    watcher = client("codebuild", workshop.endpoint, session(workshop.emulator, arn))
    before = sorted((workshop.folder / "builds/records").iterdir())
    with pytest.raises(ClientError) as denied:
        watcher.start_build(projectName="denied")
    assert "not authorized" in str(denied.value)
    assert sorted((workshop.folder / "builds/records").iterdir()) == before


def test_a_service_role_without_logs_fails_provisioning(workshop: Workshop) -> None:
    workshop.project("no-logs", GREEN, ["s3:GetObject"])
    build = workshop.finished(workshop.start("no-logs"))
    assert build["buildStatus"] == "FAILED"
    assert phase(build, "PROVISIONING")["contexts"][0]["statusCode"] == "ACCESS_DENIED"


def test_stopping_a_build_kills_its_processes(workshop: Workshop) -> None:
    pid = workshop.folder / "sleeper.pid"
    command = f"sh -c 'echo $$ > {pid}; exec sleep 300' & wait"
    spec = json.dumps({"version": "0.2", "phases": {"build": {"commands": [command]}}})
    workshop.project("stopped", spec)
    identity = workshop.start("stopped")
    sleeper = int(until(lambda: pid.exists() and pid.read_text().strip()))
    assert workshop.build(identity)["currentPhase"] == "BUILD"
    workshop.codebuild.stop_build(id=identity)
    build = workshop.finished(identity)
    assert build["buildStatus"] == "STOPPED"
    assert phase(build, "BUILD")["phaseStatus"] == "STOPPED"
    until(lambda: ended(sleeper))


def test_the_same_token_is_the_same_build_and_other_parameters_are_refused(workshop: Workshop) -> None:
    workshop.project("token", "version: 0.2\nphases: {build: {commands: ['true']}}\n")
    first = workshop.start("token", idempotencyToken="once")
    assert workshop.start("token", idempotencyToken="once") == first
    with pytest.raises(ClientError, match="idempotencyToken"):
        workshop.start("token", "main", idempotencyToken="once")
    assert workshop.codebuild.list_builds_for_project(projectName="token")["ids"] == [first]
    assert workshop.finished(first)["buildStatus"] == "SUCCEEDED"


def test_secondary_sources_of_a_template_are_unpacked_beside_the_source(workshop: Workshop) -> None:
    s3, packed = client("s3", workshop.emulator), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("tools/hello.py", "print('from the tools')")
    s3.create_bucket(Bucket="assets")
    s3.put_object(Bucket="assets", Key="tools.zip", Body=packed.getvalue())
    role(workshop.emulator, "tools-role", {"Service": "codebuild.amazonaws.com"}, ["logs:*", "s3:GetObject"])
    command = 'PYTHONPATH="$CODEBUILD_SRC_DIR_tools" python3 -m tools.hello'
    spec = json.dumps({"version": "0.2", "phases": {"build": {"commands": [command]}}})
    location = {"Fn::Join": ["", [{"Ref": "Bucket"}, "/tools.zip"]]}
    project = {
        "Name": "with-tools",
        "ServiceRole": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/tools-role"},
        "Artifacts": {"Type": "NO_ARTIFACTS"},
        "Environment": {"Type": "LINUX_CONTAINER", "Image": "i", "ComputeType": "BUILD_GENERAL1_SMALL"},
        "Source": {"Type": "NO_SOURCE", "BuildSpec": spec},
        "SecondarySources": [{"Type": "S3", "Location": location, "SourceIdentifier": "tools"}],
    }
    template = {
        "Parameters": {"Bucket": {"Type": "String"}},
        "Resources": {"Project": {"Type": "AWS::CodeBuild::Project", "Properties": project}},
    }
    cloudformation = client("cloudformation", workshop.emulator)
    cloudformation.create_stack(
        StackName="tools",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": "Bucket", "ParameterValue": "assets"}],
    )
    until(lambda: workshop.codebuild.batch_get_projects(names=["with-tools"])["projects"])
    build = workshop.finished(workshop.start("with-tools"))
    assert build["buildStatus"] == "SUCCEEDED", build["phases"]
    assert "from the tools" in workshop.log(build)


def test_builds_beyond_the_limit_wait_in_the_queue(workshop: Workshop) -> None:
    gate = workshop.folder / "gate"
    spec = {
        "version": "0.2",
        "phases": {"build": {"commands": [f"until [ -e {gate} ]; do sleep 0.05; done"]}},
    }
    workshop.project("queue", json.dumps(spec))
    started = [workshop.start("queue") for _ in range(3)]
    until(lambda: [workshop.build(each)["currentPhase"] for each in started[:2]] == ["BUILD"] * 2)
    assert workshop.build(started[2])["currentPhase"] == "QUEUED"
    stopped = workshop.start("queue")
    workshop.codebuild.stop_build(id=stopped)
    assert workshop.build(stopped)["buildStatus"] == "STOPPED"
    gate.touch()
    assert {workshop.finished(each)["buildStatus"] for each in started} == {"SUCCEEDED"}


def test_build_running_at_a_restart_becomes_fault(workshop: Workshop, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    command = f"echo $$ > {pid}; sleep 300"
    spec = json.dumps({"version": "0.2", "phases": {"build": {"commands": [command]}}})
    workshop.project("restart", spec)
    home, log = tmp_path / "builds", tmp_path / "log"
    with service(workshop.emulator, home, log) as (url, _):
        first = Workshop(workshop.emulator, url, tmp_path, workshop.repository, workshop.commit)
        identity = first.start("restart")
        shell = int(until(lambda: pid.exists() and pid.read_text().strip()))
    until(lambda: ended(shell))
    with service(workshop.emulator, home, log) as (url, _):
        second = Workshop(workshop.emulator, url, tmp_path, workshop.repository, workshop.commit)
        assert second.build(identity)["buildStatus"] == "FAULT"
    # The build service has no record of the build, so it does not report the emulator's success.
    assert workshop.build(identity)["buildStatus"] == "FAULT"
