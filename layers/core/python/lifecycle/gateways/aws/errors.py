"""One translation of AWS's errors to CallFailed, in words, with what to do next.

`translated` applies it to every gateway, so that no raw ClientError reaches a person. The command line calls
`failure` for its own calls. docs/reliability.md lists the outcome of each answer. This module imports no botocore:
an error of botocore can only come from code that imported it.
"""

import inspect
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from random import uniform
from typing import Any, TypeVar

from lifecycle.domain.errors import CallFailed

T = TypeVar("T")
G = TypeVar("G", bound=type)

_OPERATIONS = {
    "DynamoDB": "GetItem BatchGetItem Query PutItem DeleteItem TransactWriteItems",
    "S3": "GetObject HeadObject PutObject DeleteObject ListObjectsV2",
    "SSM": "GetParameter PutParameter DeleteParameter GetParametersByPath",
    "Auto Scaling": "DescribeAutoScalingGroups",
    "EC2": "DescribeInstances",
    "Step Functions": (
        "StartExecution DescribeExecution ListExecutions SendTaskSuccess GetExecutionHistory StopExecution"
    ),
    "ELB": (
        "DescribeTargetHealth DescribeTargetGroups DescribeListeners RegisterTargets DeregisterTargets ModifyListener"
    ),
    "CloudWatch": "DescribeAlarms GetMetricData",
    "CodeBuild": "StartBuild BatchGetBuilds StopBuild",
    "CodeCommit": "GetRepository",
    "CloudWatch Logs": "GetLogEvents FilterLogEvents PutLogEvents CreateLogStream",
    "EventBridge": "PutEvents",
    "SNS": "Publish",
    "STS": "GetCallerIdentity AssumeRole",
    "Lambda": "Invoke",
    "KMS": "Sign GetPublicKey",
    "Secrets Manager": "GetSecretValue",
}
SERVICES: Mapping[str, str] = {
    operation: service for service, operations in _OPERATIONS.items() for operation in operations.split()
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """Error codes with one meaning: `words` has the call, AWS's code and message, and what to do."""

    words: str
    codes: str
    temporary: bool = False

    def has(self, code: str) -> bool:
        return code in self.codes.split()


_KINDS = (
    _Kind(
        "IAM denies {call}{detail}; use a profile or a role that has this permission",
        "AccessDenied AccessDeniedException UnauthorizedOperation AuthorizationError AuthorizationErrorException 403",
    ),
    _Kind(
        "the credentials have expired: log in again ({call}{detail})",
        "ExpiredToken ExpiredTokenException RequestExpired",
        temporary=True,  # a function gets new ones by itself
    ),
    _Kind(
        "AWS rejects the credentials of the profile: {call} failed{detail}",
        "InvalidClientTokenId UnrecognizedClientException SignatureDoesNotMatch AuthFailure",
    ),
    _Kind(
        "Lifecycle is not installed in this account and region, or only in part: {call} failed{detail}; "
        "deploy its stacks",
        "NoSuchBucket ResourceNotFoundException StateMachineDoesNotExist ExecutionDoesNotExist TargetGroupNotFound "
        "ListenerNotFound NotFound NotFoundException",
    ),
    _Kind(
        "AWS is throttling {call}{detail}; wait a few seconds and try again",
        "Throttling ThrottlingException ThrottledException RequestThrottled RequestThrottledException "
        "TooManyRequestsException RequestLimitExceeded ProvisionedThroughputExceededException SlowDown "
        "ThrottlingError BandwidthLimitExceeded KmsThrottlingException",
        temporary=True,
    ),
    _Kind(
        "{call} met another write of the same record{detail}; try again",
        "TransactionConflictException TransactionCanceledException TransactionInProgressException TooManyUpdates "
        "ConditionalRequestConflict OperationAborted ResourceInUseException PriorRequestNotComplete 409",
        temporary=True,
    ),
    _Kind(
        "a quota of the AWS account is used up: {call} failed{detail}; wait for other work to end, "
        "or ask for a higher quota",
        "ExecutionLimitExceeded AccountLimitExceededException LimitExceededException TooManyTargets "
        "TooManyRegistrationsForTargetId",
        temporary=True,
    ),
    _Kind(
        "the parameter keeps its oldest version for a label: {call} failed{detail}; remove that label "
        "with `aws ssm unlabel-parameter-version`, and try again",
        "ParameterMaxVersionLimitExceeded",
    ),
)
_FAILED = _Kind("{call} failed{detail}; try again, and report it if it fails again", "")
_NOT_NOW = _Kind(
    "{call} failed{detail}; AWS could not answer. It may have been carried out, and repeating it is safe: try again",
    "",
    temporary=True,
)
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)


def code_of(error: BaseException) -> str:
    """Return AWS's code of an error; empty if AWS did not answer."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def failure(error: BaseException, about: str = "") -> CallFailed | None:
    """Return an error of botocore in words, `about` a key or a resource; None for any other error."""
    botocore = sys.modules.get("botocore.exceptions")
    if botocore is None:
        return None
    if isinstance(error, botocore.ClientError):
        return _answered(error, about)
    parsers = sys.modules.get("botocore.parsers")
    if parsers is not None and isinstance(error, parsers.ResponseParserError):
        message = f"AWS's answer could not be read: {error}; try again{_of(about)}"
        return CallFailed(message, service="AWS", operation="", code="Unreadable", temporary=True)
    if isinstance(error, botocore.BotoCoreError):
        return _not_answered(error, about, (botocore.ConnectionError, botocore.HTTPClientError))
    return None


def _answered(error: Any, about: str) -> CallFailed:
    found, operation = error.response.get("Error", {}), str(error.operation_name)
    code, message = str(found.get("Code", "an error")), str(found.get("Message", "")).strip()
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    usual = _NOT_NOW if status >= 500 else _FAILED
    kind = next((each for each in _KINDS if each.has(code)), usual)
    service = SERVICES.get(operation, "AWS")
    call = f"{service} {operation}" if operation in SERVICES else operation
    if operation == "AssumeRole":  # the trust policy of Lifecycle's roles asks for it (infra/constructs/operators.py)
        message = f"{message} (does role_session_name in the profile have your user's name?)"
    words = kind.words.format(call=f"{call}{_of(about)}", detail=f": {code}{f': {message}' if message else ''}")
    return CallFailed(words, service=service, operation=operation, code=code, temporary=kind.temporary)


def _not_answered(error: Any, about: str, lost: tuple[type, ...]) -> CallFailed:
    name = type(error).__name__
    if isinstance(error, lost):
        words = no_answer(getattr(error, "kwargs", {}))
        message = f"{words}{_of(about)}. The call may have been carried out, and repeating it is safe: try again"
        return CallFailed(message, service="AWS", operation="", code=name, temporary=True)
    hints = {
        "ProfileNotFound": "see: aws configure list-profiles",
        "NoRegionError": "set `region` in the profile, or AWS_REGION",
        "ParamValidationError": "a name or a value has the wrong form",
        "IncompleteReadError": "try again",
        "ResponseStreamingError": "try again",
    }
    hint = hints.get(name, "check the profile: aws sts get-caller-identity --profile NAME")
    message = f"{str(error).rstrip('.')}{_of(about)}; {hint}"
    return CallFailed(message, service="AWS", operation="", code=name, temporary=hint == "try again")


def no_answer(details: Mapping[str, Any]) -> str:
    """Explain a refused connection or a timeout."""
    url = str(details.get("endpoint_url", ""))
    if not url:  # the connection was lost while an answer was read
        return "AWS stopped in the middle of an answer"
    if "://127." in url or "://localhost" in url:
        return f"the environment on this machine does not answer at {url}: see lifecycle local status"
    return f"{url} does not answer: check the network and the region of the profile"


def _of(about: str) -> str:
    return f" of {about}" if about else ""


def translated(kind: G) -> G:
    """Make every public method of a gateway raise CallFailed for each error of AWS that it does not handle."""
    for name, method in list(vars(kind).items()):
        if not name.startswith("_") and inspect.isfunction(method):
            setattr(kind, name, _translating(method))
    return kind


def _translating(method: Callable[..., T]) -> Callable[..., T]:
    @wraps(method)
    def call(*given: Any, **named: Any) -> T:
        try:
            return method(*given, **named)
        except Exception as error:
            if (words := failure(error)) is None:
                raise
            raise words from error

    return call


def pauses(sleep: Callable[[float], object] = time.sleep) -> Iterator[None]:
    """Yield once for each try of a call, with growing pauses between them; the last one is the caller's last try."""
    yield
    for longest in _PAUSES:
        sleep(uniform(longest / 2, longest))  # noqa: S311 (it keeps two writers apart, nothing more)
        yield


def repeated(call: Callable[[], T], *codes: str, sleep: Callable[[float], object] = time.sleep) -> T:
    """Return the result of a call, repeating it while AWS answers with one of these codes.

    botocore repeats what is throttled or not answered; these are answers that it takes for final.
    """
    tries = pauses(sleep)
    next(tries)
    while True:
        try:
            return call()
        except Exception as error:
            if code_of(error) not in codes or next(tries, "over") == "over":
                raise
