"""An account that a profile does not reach: why, and the command that mends it."""

from apps.cli.doctor.findings import Finding, mend
from apps.cli.output.failures import explain
from lifecycle.domain.errors import CallFailed
from lifecycle.gateways.aws.errors import failure

_LOGIN = "aws sso login --profile {profile}"
_MENDS = {
    "ProfileNotFound": "aws configure list-profiles",
    "NoRegionError": "aws configure set region REGION --profile {profile}",
    "NoTarget": "aws configure set region REGION --profile {profile}",
    "NoCredentialsError": "aws configure --profile {profile}",
    "PartialCredentialsError": "aws configure --profile {profile}",
    "ConfigParseError": "aws configure --profile {profile}",
    # An enabled region accepts the keys that us-east-1 accepts.
    "InvalidClientTokenId": "aws sts get-caller-identity --region us-east-1 --profile {profile}; if that answers, "
    "the region is not enabled: aws account enable-region --region-name REGION --profile {profile}",
    "RequestTimeTooSkewed": "sudo chronyc makestep",
    "EndpointConnectionError": "aws configure get region --profile {profile}",
    **dict.fromkeys(
        (
            *("ExpiredToken", "ExpiredTokenException", "RequestExpired", "UnauthorizedSSOTokenError"),
            *("SSOTokenLoadError", "TokenRetrievalError", "CredentialRetrievalError", "SSOError"),
        ),
        _LOGIN,
    ),
}
_USUAL = "aws sts get-caller-identity --profile {profile}"


def unreachable(error: Exception, profile: str) -> Finding:
    """Return the finding of a connection that failed."""
    found = error if isinstance(error, CallFailed) else failure(error)
    code = found.code if found else type(error).__name__
    if not profile:
        return mend("profile", explain(error), "lifecycle local up, or lifecycle doctor --profile NAME")
    how = _MENDS.get(code, _USUAL)
    return mend("profile", explain(error), how.format(profile=profile))
