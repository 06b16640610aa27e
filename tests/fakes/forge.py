"""A forge in memory, which shows the newest status of each context and the newest state of each deployment."""

from dataclasses import dataclass, field

from lifecycle.domain.delivery.forge_status import LONGEST_DESCRIPTION, CommitStatus, ForgeDeployment
from lifecycle.domain.delivery.reported_status import REFUSED
from lifecycle.domain.errors import ForgeFailed


@dataclass
class MemoryForge:
    """The statuses of commits by repository, commit and context, each with the newest last; deployments by number.

    It knows the `commits` of its repositories, and serves the repositories in `tokens`. The next calls raise what is
    in `failures`; what `lost` counts is accepted, and its answer lost. `calls` counts all of them.
    """

    tokens: set[str] = field(default_factory=lambda: {"acme/shop"})
    commits: set[str] = field(default_factory=lambda: {"a" * 40, "b" * 40})
    statuses: dict[tuple[str, str, str], list[CommitStatus]] = field(default_factory=dict)
    deployments: dict[int, tuple[str, str, str]] = field(default_factory=dict)
    states: dict[int, list[ForgeDeployment]] = field(default_factory=dict)
    failures: list[ForgeFailed] = field(default_factory=list)
    lost: int = 0
    calls: int = 0

    def serves(self, repository: str) -> bool:
        return repository in self.tokens if repository else bool(self.tokens)

    def set_status(self, repository: str, commit: str, status: CommitStatus) -> None:
        self._called(repository, commit, status.description)
        self.statuses.setdefault((repository, commit, status.context), []).append(status)
        self._answered()

    def create_deployment(self, repository: str, commit: str, deployment: ForgeDeployment) -> int:
        self._called(repository, commit, deployment.description)
        number = len(self.deployments) + 1
        self.deployments[number] = (repository, commit, deployment.environment)
        self._answered()
        return number

    def set_deployment_state(self, repository: str, number: int, deployment: ForgeDeployment) -> None:
        self._called(repository, None, deployment.description)
        if self.deployments.get(number, ("",))[0] != repository:
            raise ForgeFailed("unknown", f"{repository} has no deployment {number}")
        self.states.setdefault(number, []).append(deployment)
        self._answered()

    def shown(self, repository: str, commit: str) -> dict[str, str]:
        """Return the newest status of each context, in words."""
        found = {key: each[-1].words for key, each in self.statuses.items()}
        return {
            context: words for (of, about, context), words in found.items() if (of, about) == (repository, commit)
        }

    def listed(self) -> list[tuple[str, str, str]]:
        """Return the commit, the environment and the newest state of each deployment."""
        return [
            (commit, environment, str(self.states[number][-1].state) if number in self.states else "")
            for number, (_, commit, environment) in self.deployments.items()
        ]

    def _called(self, repository: str, commit: str | None, description: str) -> None:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        if repository not in self.tokens:
            raise ForgeFailed("token", f"no token for {repository}")
        if commit is not None and commit not in self.commits:
            raise ForgeFailed(REFUSED, f"{repository} has no commit {commit}")
        if len(description) > LONGEST_DESCRIPTION:
            raise ForgeFailed(REFUSED, f"the description has {len(description)} characters")

    def _answered(self) -> None:
        if self.lost:
            self.lost -= 1
            raise ForgeFailed("unreachable", "no answer in time")
