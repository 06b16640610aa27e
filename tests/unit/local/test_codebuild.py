import pytest

from apps.local.codebuild import build_record as records
from apps.local.codebuild.buildspec import InvalidBuildspecError, PhaseSpec, parse
from apps.local.codebuild.secondary_sources import UnresolvedError, resolved

SPEC = """
version: 0.2
env: {shell: bash, variables: {A: 1}, exported-variables: [V]}
phases:
  build: {on-failure: CONTINUE, commands: [make, make test], finally: [make clean]}
artifacts: {files: ["**/*"]}
"""


def test_buildspec_is_parsed() -> None:
    spec = parse(SPEC)
    assert spec.phases == {"build": PhaseSpec(("make", "make test"), ("make clean",), goes_on=True)}
    assert (spec.shell, spec.variables, spec.exported) == ("bash", {"A": "1"}, ("V",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [", "not YAML"),
        ("[]", "the buildspec: expected a mapping"),
        ("version: 0.1\nphases: {}", "expected version 0.2, found 0.1"),
        ("version: 0.2", "phases: expected a mapping"),
        ("version: 0.2\nphases: {test: {}}", "expected phases install"),
        ("version: 0.2\nphases: {build: {commands: make}}", "phases.build.commands: expected a list"),
        ("version: 0.2\nenv: {shell: zsh}\nphases: {}", "env.shell"),
        ("version: 0.2\nenv: {parameter-store: {A: b}}\nphases: {}", "not supported on a laptop"),
        ("version: 0.2\nphases: {build: {on-failure: RETRY, commands: [make]}}", "ABORT or CONTINUE"),
    ],
)
def test_invalid_buildspec_names_the_expected_value(text: str, expected: str) -> None:
    with pytest.raises(InvalidBuildspecError, match=expected):
        parse(text)


def test_variables_of_the_call_override_the_projects() -> None:
    project = {"environment": {"environmentVariables": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]}}
    asked = {"environmentVariablesOverride": [{"name": "B", "value": "2"}]}
    assert {each["name"]: each["value"] for each in records.variables(project, asked)} == {"A": "1", "B": "2"}


def test_orphaned_build_becomes_fault() -> None:
    build = {"id": "p:1234", "projectName": "p"}
    record = records.new_record(build, {"sourceVersion": "main"}, {"serviceRole": "r"})
    assert (record["buildStatus"], record["currentPhase"]) == ("IN_PROGRESS", "QUEUED")
    assert record["logs"] == {"groupName": "/aws/codebuild/p", "streamName": "1234"}
    records.fault(record, "restarted")
    assert record["buildStatus"] == "FAULT"
    assert record["buildComplete"]
    assert record["phases"][1]["contexts"] == [{"statusCode": "INTERNAL_SERVICE_ERROR", "message": "restarted"}]


def test_template_values_are_resolved() -> None:
    known = {"Bucket": "assets", "AWS::Region": "us-east-1"}
    assert resolved({"Fn::Join": ["/", [{"Ref": "Bucket"}, "a.zip"]]}, known) == "assets/a.zip"
    assert resolved({"Fn::Sub": "x-${AWS::Region}/${Bucket}"}, known) == "x-us-east-1/assets"
    assert resolved({"Fn::ImportValue": "x"}, known | {"export x": "y"}) == "y"
    with pytest.raises(UnresolvedError, match="ImportValue"):
        resolved({"Fn::ImportValue": "elsewhere"}, known)
