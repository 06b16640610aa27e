"""The keys that sign versions: who may use each, and how they are rotated."""

from pathlib import Path
from typing import Any

import pytest

from lifecycle.domain.service.trusted_keys import KeyKind
from tests.infra.reading import keys, listed, resources


@pytest.mark.parametrize(("kind", "phase"), [("release", "promote"), ("snapshot", "record_snapshot")])
def test_only_one_role_may_sign_with_each_key_and_no_policy_of_iam_can_add_another(
    control_plane: dict[str, Any], kind: str, phase: str
) -> None:
    key = keys(control_plane)[f"alias/lifecycle-{kind}s"]
    found = key["Properties"]
    assert (found["KeySpec"], found["KeyUsage"], key["DeletionPolicy"]) == (
        *("ECC_NIST_P256", "SIGN_VERIFY"),
        "RetainExceptOnCreate",
    )
    policy = {each["Sid"]: each for each in found["KeyPolicy"]["Statement"]}
    assert set(policy) == {"Administer", "Sign", "Check"}
    (role,) = (name for name, each in resources(control_plane, "IAM::Role").items() if phase in each["Description"])
    assert policy["Sign"]["Action"] == "kms:Sign"
    assert policy["Sign"]["Principal"] == {"AWS": {"Fn::GetAtt": [role, "Arn"]}}
    # Naming the account for an action lets policies of IAM grant it.
    assert not {"kms:Sign", "kms:*", "kms:CreateGrant", "kms:Create*"} & set(listed(policy["Administer"]["Action"]))
    assert (policy["Check"]["Action"], policy["Check"]["Principal"]) == ("kms:GetPublicKey", {"AWS": "*"})
    assert policy["Check"]["Condition"] == {"StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}}


def test_numbers_of_signing_keys_say_which_signs_and_which_is_trusted_too() -> None:
    from aws_cdk import App, Stack, aws_iam  # noqa: PLC0415  (CDK takes seconds to import)
    from aws_cdk.assertions import Template  # noqa: PLC0415

    from infra.constructs.signing_keys import SigningKeys  # noqa: PLC0415

    def targets(*numbers: str) -> dict[str, str]:
        stack = Stack(App(), "Keys")
        signer = aws_iam.Role.from_role_arn(stack, "Signer", "arn:aws:iam::111122223333:role/signer")
        SigningKeys(stack, "SigningKeys", numbers, dict.fromkeys(KeyKind, signer), retain=True)
        template = dict(Template.from_stack(stack).to_json())
        return {alias: each["Properties"]["Description"] for alias, each in keys(template).items()}

    first, both, turned = targets("1"), targets("1", "2"), targets("2", "1")
    signs, also = "alias/lifecycle-releases", "alias/lifecycle-releases-also-trusted"
    assert first[also] == first[signs], "no name of a trusted key is free"
    assert (both[signs], both[also]) == (first[signs], turned[signs])
    assert (turned[signs], turned[also]) == (both[also], both[signs])


@pytest.mark.parametrize("numbers", ["", "1,1", "1,2,3", "one", "0"])
def test_wrong_numbers_of_signing_keys_are_refused(tmp_path: Path, numbers: str) -> None:
    from infra.app import build_app  # noqa: PLC0415

    with pytest.raises(SystemExit, match="signing_keys: expected one number, or two such as 1,2"):
        build_app(str(tmp_path), {"platform": "host", "signing_keys": numbers})
