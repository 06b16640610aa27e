"""Proofs of who calls, over scripted answers of STS."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import EndpointConnectionError

from lifecycle.domain.errors import CallFailed, Refused
from lifecycle.gateways.aws.callers import StsCallers, command_digest, signed

URL = "https://sts.eu-central-1.amazonaws.com"
COMMAND = command_digest("lifecycle-approve", {"deployment": "d"})
ARN = "arn:aws:sts::123456789012:assumed-role/lifecycle-operator/ada"
FOUND = f"<GetCallerIdentityResult><Arn>{ARN}</Arn></GetCallerIdentityResult>"


@dataclass
class Answer:
    """An answer of HTTP."""

    status_code: int
    text: str


@dataclass
class Sts:
    """STS with a script: the last answer is repeated."""

    answers: list[Answer | Exception]
    sent: list[Any] = field(default_factory=list)

    def send(self, prepared: Any) -> Answer:
        self.sent.append(prepared)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def callers(*answers: Answer | Exception) -> tuple[StsCallers, Sts]:
    sts = Sts(list(answers))
    return StsCallers(lambda: URL, sts.send, lambda _: None), sts


def proof(command: str = COMMAND, token: str | None = "a-token") -> dict[str, str]:  # noqa: S107
    return signed(Credentials("AKIAEXAMPLE", "secret", token), "eu-central-1", URL, command)


def test_function_asks_its_own_sts_for_exactly_the_command_it_was_given() -> None:
    made, sts = callers(Answer(200, FOUND))
    assert made.arn(proof(), COMMAND) == ARN
    (sent,) = sts.sent
    assert (sent.method, sent.url, sent.body) == (
        "POST", f"{URL}/", b"Action=GetCallerIdentity&Version=2011-06-15",
    )  # fmt: skip
    assert sent.headers["X-Lifecycle-Command"] == COMMAND
    assert sent.headers["X-Amz-Security-Token"] == "a-token"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (";x-lifecycle-command", ""),
        ("Credential", "SignedHeaders=x-lifecycle-command, Credential"),
        ("SignedHeaders", "X-SignedHeaders=x-lifecycle-command, SignedHeaders"),
        ("/sts/", "/s3/"),
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
    ],
)
def test_signature_that_does_not_cover_the_command_is_not_even_sent(old: str, new: str) -> None:
    """Any signed GetCallerIdentity, from a log or for another service's login, would prove any command."""
    given = proof()
    given["Authorization"] = given["Authorization"].replace(old, new)
    made, sts = callers(Answer(200, FOUND))
    with pytest.raises(Refused, match="signed for something else"):
        made.arn(given, COMMAND)
    assert not sts.sent


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            Answer(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>"),
            "SignatureDoesNotMatch",
        ),
        (Answer(403, "<Error><Code>ExpiredToken</Code></Error>"), "ExpiredToken"),
        (Answer(200, "no XML"), "HTTP 200"),
        (Answer(302, ""), "HTTP 302"),
    ],
)
def test_what_aws_does_not_confirm_is_refused_with_its_reason(answer: Answer, said: str) -> None:
    made, sts = callers(answer)
    with pytest.raises(Refused, match=said):
        made.arn(proof(), COMMAND)
    assert len(sts.sent) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(503, ""),
        Answer(400, "<Error><Code>Throttling</Code></Error>"),
        EndpointConnectionError(endpoint_url=URL),
    ],
)
def test_sts_is_asked_again_while_it_does_not_answer(answer: Answer | Exception) -> None:
    made, sts = callers(answer, Answer(200, FOUND))
    assert made.arn(proof(token=None), COMMAND) == ARN
    made, sts = callers(answer)
    with pytest.raises(CallFailed, match="wait a few seconds") as failed:
        made.arn(proof(), COMMAND)
    assert failed.value.temporary
    assert len(sts.sent) == 7


@pytest.mark.parametrize("text", ["line\nInjected: header", "\u202e", "x" * 9_000])
def test_header_that_no_signature_has_is_refused(text: str) -> None:
    made, sts = callers(Answer(200, FOUND))
    with pytest.raises(Refused, match="no proof"):
        made.arn({**proof(), "X-Amz-Security-Token": text}, COMMAND)
    assert not sts.sent


def test_digest_tells_functions_and_payloads_apart_and_ignores_the_order_of_keys() -> None:
    assert command_digest("f", {"a": 1, "b": "Grüße"}) == command_digest("f", {"b": "Grüße", "a": 1})
    assert len({command_digest("f", {"a": 1}), command_digest("g", {"a": 1}), command_digest("f", {"a": "1"})}) == 3
