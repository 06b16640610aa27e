"""The people who assume Lifecycle's roles."""

from typing import Any

import pytest

from tests.infra.reading import resources, text


@pytest.mark.parametrize("name", ["lifecycle-operator", "lifecycle-administrator", "lifecycle-viewer"])
def test_person_assumes_a_role_under_their_own_name_only(
    control_plane: dict[str, Any], emulated: dict[str, Any], name: str
) -> None:
    """The name of the session is the name in approvals. On a laptop the local user's name is."""

    def names(template: dict[str, Any]) -> list[Any]:
        roles = resources(template, "IAM::Role").values()
        (role,) = (each for each in roles if text(each.get("RoleName", "")) == f"{name}-${{AWS::Region}}")
        return [each.get("Condition") for each in role["AssumeRolePolicyDocument"]["Statement"]]

    assert names(control_plane) == [{"StringEquals": {"sts:RoleSessionName": "${aws:username}"}}]
    assert names(emulated) == [None]
