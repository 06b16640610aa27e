"""Any error as one message that says what happened and what can be typed now; pure.

Called at the edge of every command (command.py). Errors of AWS are told apart by what an operator can do.
"""

from collections.abc import Mapping
from typing import Any

from lifecycle.domain.errors import LifecycleError

_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_FOREIGN = {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "AuthFailure"}
_MISSING = {
    "NoSuchBucket",
    "ResourceNotFoundException",
    "StateMachineDoesNotExist",
    "ExecutionDoesNotExist",
}
_THROTTLED = {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"}


def explain(error: BaseException) -> str:
    """What to print; never empty."""
    if isinstance(error, LifecycleError):
        return str(error)
    from botocore import exceptions as aws  # noqa: PLC0415 (an error may take its time)

    if isinstance(error, aws.ClientError):
        return client_error(error.response.get("Error", {}), error.operation_name)
    if isinstance(error, aws.ConnectionError | aws.HTTPClientError):
        return not_answering(getattr(error, "kwargs", {}))
    if isinstance(error, aws.BotoCoreError):
        return f"{str(error).rstrip('.')}; {_profile_hint(type(error).__name__)}"
    return f"unexpected {type(error).__name__}: {error}; run it again with --debug for the traceback"


def _profile_hint(kind: str) -> str:
    hints = {
        "ProfileNotFound": "see: aws configure list-profiles",
        "NoRegionError": "set `region` in the profile, or AWS_REGION",
    }
    return hints.get(kind, "check the profile: aws sts get-caller-identity --profile NAME")


def not_answering(about: dict[str, Any]) -> str:
    """Nobody listens, or nobody answered in time."""
    url = str(about.get("endpoint_url", ""))
    if not url or "://127." in url or "://localhost" in url:
        where = f" at {url}" if url else ""
        return f"the laptop's environment does not answer{where}: see lifecycle local status"
    return f"{url} does not answer: check the network, and the region of the profile"


def client_error(found: Mapping[str, Any], operation: str) -> str:
    """AWS answered with an error."""
    code, message = found.get("Code", "an error"), str(found.get("Message", "")).strip()
    told = f": {message}" if message else ""
    if code in _DENIED:
        return f"IAM does not let you call {operation}{told}"
    if code in _EXPIRED:
        return f"your credentials have expired, log in again ({operation}{told})"
    if code in _FOREIGN:
        return f"AWS does not know your credentials: {operation} was refused as {code}{told}"
    if code in _MISSING:
        return (
            f"Lifecycle is not installed in this account and region, or not wholly: {operation} found no such "
            f"thing{told}"
        )
    if code in _THROTTLED:
        return f"AWS is throttling {operation}; wait a few seconds and try again{told}"
    return f"{operation} failed: {code}{told}"
