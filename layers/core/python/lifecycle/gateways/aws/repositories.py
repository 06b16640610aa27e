"""Repositories at CodeCommit."""

from typing import Any

from lifecycle.gateways.aws.errors import code_of, translated

# The second is the answer to a name that no repository can have.
_ABSENT = ("RepositoryDoesNotExistException", "InvalidRepositoryNameException", "RepositoryNameRequiredException")


@translated
class CodeCommitRepositories:
    """The repositories of this account and region."""

    def __init__(self, codecommit: Any) -> None:
        self._codecommit = codecommit

    def default_branch(self, name: str) -> str:
        try:
            found = self._codecommit.get_repository(repositoryName=name)
        except Exception as error:
            if code_of(error) not in _ABSENT:
                raise
            return ""
        return str(found["repositoryMetadata"].get("defaultBranch", ""))
