"""The secrets that sign webhooks: one for all repositories, or one or two for each.

Two secrets of one repository are both valid, so that a rotation refuses no delivery. Read by functions/delivery/
receive_push, and by the Git hook of a laptop.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lifecycle.domain.errors import InvalidJson
from lifecycle.domain.foreign_json import parse_object

# The entry of every repository that has none of its own.
OTHERS = "*"


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """The secrets by repository, such as `acme/shop`, in lower case: GitHub's names have no case.

    An entry such as `git.example.test/acme/shop` is of the repository at that forge, and `acme/shop` of all others.
    """

    by_repository: Mapping[str, tuple[str, ...]]

    @classmethod
    def parse(cls, text: str) -> "WebhookSecrets":
        """Read a text that is one secret for all, or a JSON object of a secret or a list of them for each repository.

        An entry of another form, or an empty secret, signs nothing: no delivery of that repository is accepted.
        """
        try:
            found = parse_object(text)
        except InvalidJson:
            return cls({OTHERS: _secrets(text)})
        return cls({str(name).casefold(): _secrets(given) for name, given in found.items()})

    def entry(self, repository: str, host: str = "") -> str:
        """Return the name of the entry that holds for a repository, at the forge of this host if it is known."""
        names = (f"{host}/{repository}".casefold(), repository.casefold())
        return next((name for name in names if name in self.by_repository), OTHERS)

    def of(self, repository: str) -> tuple[str, ...]:
        """Return the valid secrets of a repository, the one to sign with first."""
        return self.by_repository.get(self.entry(repository), ())


def _secrets(given: Any) -> tuple[str, ...]:
    several = given if isinstance(given, list) else [given]
    return tuple(each for each in several if isinstance(each, str) and each.strip())
