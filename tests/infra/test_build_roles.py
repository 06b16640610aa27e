"""The roles of builds: each writes its own upload, and pulls its own repository."""

from typing import Any

import pytest

from tests.infra.conftest import REPOSITORIES
from tests.infra.granted import BUCKET, BUILD_LOG, CACHES
from tests.infra.reading import allowed, resources, role_of, statements, text


@pytest.mark.parametrize("repository", ["", *REPOSITORIES])
def test_a_build_may_write_its_own_upload_pull_its_own_repository_and_nothing_else(
    control_plane: dict[str, Any], repository: str
) -> None:
    (role,) = (
        r
        for r in resources(control_plane, "IAM::Role").values()
        if r.get("Policies", [{}])[0].get("PolicyName") == "build"
        and text(r.get("RoleName", "")) == (f"lifecycle-build-${{AWS::Region}}-{repository}" if repository else "")
    )
    found = allowed(role)
    pulled = {"codecommit:GitPull": {f"codecommit:{repository}"}} if repository else {}
    tools = found.pop("s3:GetObjectVersion")
    assert len(tools) == 1
    assert "cdk-hnb659fds-assets" in next(iter(tools))
    assert (
        found
        == {
            "s3:PutObject": {f"{BUCKET}/incoming/${{!aws:userid}}/*", f"{CACHES}/*"},
            "s3:GetObject": {f"{BUCKET}/incoming/${{!aws:userid}}/*", f"{CACHES}/*", *tools},
            "logs:CreateLogStream": {BUILD_LOG, f"{BUILD_LOG}:*"},
            "logs:PutLogEvents": {BUILD_LOG, f"{BUILD_LOG}:*"},
        }
        | pulled
    )


def test_start_build_passes_its_roles_to_codebuild_only(control_plane: dict[str, Any]) -> None:
    (passes,) = (
        each for each in statements(role_of(control_plane, "start_build")) if each["Action"] == "iam:PassRole"
    )
    assert passes["Condition"] == {"StringEquals": {"iam:PassedToService": "codebuild.amazonaws.com"}}
