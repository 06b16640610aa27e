"""Repositories in memory."""

from dataclasses import dataclass, field


@dataclass
class MemoryRepositories:
    """The default `branches`, by the name of their repository."""

    branches: dict[str, str] = field(default_factory=dict)

    def default_branch(self, name: str) -> str:
        return self.branches.get(name, "")
