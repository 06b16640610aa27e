"""Proofs of who calls, in memory: a session's secret signs a command, and only this fake knows whose it is."""

import hashlib
from collections.abc import Mapping

from lifecycle.domain.errors import Refused

ADA = "arn:aws:sts::123456789012:assumed-role/lifecycle-operator/ada"
DATE = "20261123T120000Z"


class MemoryCallers:
    """The sessions that were given out, by their secret."""

    def __init__(self) -> None:
        self._sessions: dict[str, str] = {}

    def sign(self, command: str, arn: str = ADA) -> dict[str, str]:
        """Return the proof that the owner of this ARN gives a command."""
        secret = f"secret of {arn}"
        self._sessions[secret] = arn
        return {"Authorization": _signature(secret, command, DATE), "X-Amz-Date": DATE}

    def arn(self, proof: Mapping[str, str], command: str) -> str:
        if not isinstance(proof, Mapping) or set(proof) != {"Authorization", "X-Amz-Date"}:
            raise Refused("the command", ["it has no proof of who gives it"])
        for secret, arn in self._sessions.items():
            if proof["Authorization"] == _signature(secret, command, proof["X-Amz-Date"]):
                return arn
        raise Refused("the command", ["AWS does not confirm its signature (SignatureDoesNotMatch)"])


def _signature(secret: str, command: str, date: str) -> str:
    return hashlib.sha256(f"{secret} {command} {date}".encode()).hexdigest()
