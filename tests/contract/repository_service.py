"""CodeCommit in memory, behind botocore's client: the emulator has none."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from lifecycle.gateways.aws.repositories import CodeCommitRepositories
from tests.support.json_service import json_client


class RepositoryService:
    """The default branches of repositories, by name."""

    def __init__(self) -> None:
        self.branches: dict[str, str] = {}
        self.codecommit = json_client("codecommit", {"GetRepository": self._get})
        self.gateway = CodeCommitRepositories(self.codecommit)

    def _get(self, given: dict[str, Any]) -> Mapping[str, Any]:
        name = given["repositoryName"]
        if name not in self.branches:
            missing = {"Code": "RepositoryDoesNotExistException", "Message": f"{name} does not exist"}
            raise ClientError({"Error": missing}, "GetRepository")
        branch = self.branches[name]
        return {"repositoryMetadata": {"repositoryName": name, **({"defaultBranch": branch} if branch else {})}}
