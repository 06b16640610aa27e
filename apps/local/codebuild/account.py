"""The build service's calls to the emulator: as root for AWS's own work, else as the project's role."""

from typing import Any

from apps.local.aws import root_key
from apps.local.aws.clients import Clients
from apps.local.codebuild.secondary_sources import secondary_sources


class Account:
    """The account at the emulator's `url`."""

    def __init__(self, url: str, region: str) -> None:
        self._url, self._region = url, region
        self._root = self._clients(root_key.of_process())

    def client(self, service: str, credentials: dict[str, str] | None = None) -> Any:
        """Return a client, as root unless credentials are given."""
        return (self._clients(credentials) if credentials else self._root).client(service)

    def _clients(self, credentials: dict[str, str]) -> Clients:
        return Clients(self._url, credentials, self._region, connect_timeout=3, read_timeout=30)

    def assume(self, role: str, session: str) -> dict[str, str]:
        """Return credentials of a project's service role."""
        found = self.client("sts").assume_role(RoleArn=role, RoleSessionName=f"AWSCodeBuild-{session}")
        return dict(found["Credentials"])

    def environment(self, credentials: dict[str, str]) -> dict[str, str]:
        """Return the variables by which a build's AWS clients find the emulator, and no configuration of the user."""
        return {
            "AWS_ENDPOINT_URL": self._url,
            "AWS_REGION": self._region,
            "AWS_DEFAULT_REGION": self._region,
            "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
            "AWS_SESSION_TOKEN": credentials["SessionToken"],
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def project(self, name: str) -> dict[str, Any]:
        """Return a project as CodeBuild describes it."""
        found = self.client("codebuild").batch_get_projects(names=[name])["projects"]
        return dict(found[0]) if found else {}

    def secondary_sources(self, project: str) -> list[dict[str, str]]:
        """Return a project's secondary sources, as its template declares them."""
        account = self.client("sts").get_caller_identity()["Account"]
        return secondary_sources(self.client("cloudformation"), project, self._region, account)

    def forget_builds(self, builds: list[str]) -> None:
        """Delete builds from the emulator that it made for a repeated token."""
        self.client("codebuild").batch_delete_builds(ids=builds)
