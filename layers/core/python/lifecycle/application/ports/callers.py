"""The port that tells who calls."""

from collections.abc import Mapping
from typing import Protocol


class Callers(Protocol):
    """The identity of a caller, proven by AWS."""

    def arn(self, proof: Mapping[str, str], command: str) -> str:
        """Return the ARN of the caller who signed `command`, a sha256 in hex; raises Refused.

        `proof` has the headers of a signed GetCallerIdentity (lifecycle/proof.py).
        """
