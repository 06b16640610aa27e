"""The tokens with which statuses are sent to a forge: one for all repositories, or one for each.

The secret has the form of the webhooks' secrets (webhook_secrets.py). Read by functions/delivery/report_status only.
"""

import re
from dataclasses import dataclass, field

from lifecycle.domain.delivery.webhook_secrets import WebhookSecrets

_TOKEN = re.compile(r"[!-~]{1,500}")


@dataclass(frozen=True, slots=True)
class ForgeTokens:
    """The tokens by repository, such as `acme/shop`. No text that is made of this has them."""

    _secrets: WebhookSecrets = field(default_factory=lambda: WebhookSecrets({}), repr=False)

    @classmethod
    def parse(cls, text: str) -> "ForgeTokens":
        """Read a text that is one token for all, or a JSON object of one for each repository; `*` is all others."""
        return cls(WebhookSecrets.parse(text))

    @property
    def any(self) -> bool:
        """True if there is a token for some repository."""
        return any(self.of(name) for name in self._secrets.by_repository)

    def of(self, repository: str) -> str:
        """Return the token of a repository; empty if there is none, or none that a header can have."""
        tokens = (each.strip() for each in self._secrets.of(repository))
        return next((each for each in tokens if _TOKEN.fullmatch(each)), "")
