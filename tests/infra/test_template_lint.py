"""The templates fit CloudFormation's schemas: cfn-lint finds nothing in them that is not accepted here."""

from pathlib import Path

import pytest
from cfnlint.api import lint_file
from cfnlint.config import ManualArgs

REGIONS = ["eu-west-1"]
ACCEPTED = {
    "W3005": "CDK lets each function depend on its role's policies, and so on the role that it names anyway",
}

# AWS has no such action; its list of them is in cfn-lint.
_STATEMENT = '{"Effect": "Allow", "Action": "s3:GetObjct", "Resource": "*"}'
_DOCUMENT = f'{{"PolicyDocument": {{"Version": "2012-10-17", "Statement": [{_STATEMENT}]}}}}'
UNKNOWN_ACTION = f'{{"Resources": {{"Policy": {{"Type": "AWS::IAM::ManagedPolicy", "Properties": {_DOCUMENT}}}}}}}'


def findings(path: Path) -> list[str]:
    """Return the findings of one template, but for those that are accepted.

    cfn-lint knows a task's resource with `arn:aws:` only, so the partition's placeholder is filled in for it.
    """
    filled = path.with_suffix(".filled")
    filled.write_text(path.read_text().replace("arn:${partition}:states:", "arn:aws:states:"))
    found = lint_file(filled, config=ManualArgs(regions=REGIONS, ignore_checks=list(ACCEPTED)))
    return [f"{each.rule.id} {each.message}" for each in found]


def test_every_template_fits_the_schemas_of_cloudformation(assembly: Path) -> None:
    templates = sorted(assembly.glob("*.template.json"))
    assert len(templates) == 5
    assert {path.name: found for path in templates if (found := findings(path))} == {}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('{"Resources": {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": {}}}}', "E3003"),
        ('{"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"Nmae": "a"}}}}', "E3002"),
        (
            '{"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "No"}}}}}',
            "E1020",
        ),
        (UNKNOWN_ACTION, "W3037"),
    ],
)
def test_a_template_with_a_fault_is_found(tmp_path: Path, text: str, rule: str) -> None:
    template = tmp_path / "one.template.json"
    template.write_text(text)
    assert rule in {each.split()[0] for each in findings(template)}
