"""The role of a build: that of its CodeCommit repository, or else the project's."""

from typing import Any

import pytest

from lifecycle.gateways.aws.builds import CodeBuilds
from tests.support.json_service import json_client

ROLES = "arn:aws:iam::000000000000:role/lifecycle-build-"


@pytest.mark.parametrize(
    ("repository", "kind", "role"),
    [
        ("https://github.com/acme/shop.git", "GITHUB", None),
        ("https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/shop", "CODECOMMIT", f"{ROLES}shop"),
        ("https://git-codecommit.eu-west-1.amazonaws.com@evil.example/eve/shop", "GITHUB", None),
        ("https://evil.example/x://git-codecommit./eve/shop", "GITHUB", None),
        ("https://git-codecommit.eu-west-1.amazonaws.com.evil.example/v1/repos/shop", "GITHUB", None),
    ],
)
def test_a_build_of_a_codecommit_repository_has_the_role_of_that_repository(
    repository: str, kind: str, role: str | None
) -> None:
    sent: list[dict[str, Any]] = []

    def start(given: dict[str, Any]) -> dict[str, Any]:
        sent.append(given)
        return {"build": {"id": "lifecycle-build:1"}}

    builds = CodeBuilds(json_client("codebuild", {"StartBuild": start}), None, "lifecycle-build", ROLES)
    assert builds.start(repository, "a" * 40, "token", {}) == "lifecycle-build:1"
    (given,) = sent
    assert (given["sourceTypeOverride"], given.get("serviceRoleOverride")) == (kind, role)
