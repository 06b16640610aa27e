"""Explain any error in one message: what failed, and what to do next; pure.

Called by the error boundary of every command (command.py) and by watch/follow.py.
"""

from collections.abc import Mapping
from typing import Any

from lifecycle.domain.errors import LifecycleError

_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_FOREIGN = {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "AuthFailure"}
_MISSING = {"NoSuchBucket", "ResourceNotFoundException", "StateMachineDoesNotExist", "ExecutionDoesNotExist"}
_THROTTLED = {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"}


def explain(error: BaseException) -> str:
    """Return the message of an error; never empty."""
    if isinstance(error, LifecycleError):
        return str(error)
    from botocore import exceptions as aws  # noqa: PLC0415 (an error may take its time)

    if isinstance(error, aws.ClientError):
        return client_error(error.response.get("Error", {}), error.operation_name)
    if isinstance(error, aws.ConnectionError | aws.HTTPClientError):
        return no_answer(getattr(error, "kwargs", {}))
    if isinstance(error, aws.BotoCoreError):
        return f"{str(error).rstrip('.')}; {_profile_hint(type(error).__name__)}"
    return f"unexpected {type(error).__name__}: {error}; run it again with --debug for the traceback"


def _profile_hint(kind: str) -> str:
    hints = {
        "ProfileNotFound": "see: aws configure list-profiles",
        "NoRegionError": "set `region` in the profile, or AWS_REGION",
    }
    return hints.get(kind, "check the profile: aws sts get-caller-identity --profile NAME")


def no_answer(details: dict[str, Any]) -> str:
    """Explain a refused connection or a timeout."""
    url = str(details.get("endpoint_url", ""))
    if not url or "://127." in url or "://localhost" in url:
        where = f" at {url}" if url else ""
        return f"the environment on this machine does not answer{where}: see lifecycle local status"
    return f"{url} does not answer: check the network and the region of the profile"


def client_error(found: Mapping[str, Any], operation: str) -> str:
    """Explain an error that AWS answered with, by what an operator can do about it."""
    code, message = found.get("Code", "an error"), str(found.get("Message", "")).strip()
    detail = f": {message}" if message else ""
    if code in _DENIED:
        return f"IAM denies {operation}{detail}; use a profile with the operator's permissions"
    if code in _EXPIRED:
        return f"the credentials have expired: log in again ({operation}{detail})"
    if code in _FOREIGN:
        return f"AWS rejects the credentials of the profile: {operation} failed with {code}{detail}"
    if code in _MISSING:
        return (
            f"Lifecycle is not installed in this account and region, or only in part: {operation} failed with "
            f"{code}{detail}"
        )
    if code in _THROTTLED:
        return f"AWS is throttling {operation}; wait a few seconds and try again{detail}"
    return f"{operation} failed: {code}{detail}"
