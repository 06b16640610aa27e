"""Settings of the infrastructure: the context of cdk.json and of `cdk -c key=value`."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from constructs import Construct

from infra.cdk_json import WEBHOOK_CONCURRENCY, ClusterSettings, read_clusters, read_webhook_concurrency
from lifecycle import names

ROOT = Path(__file__).resolve().parents[1]
_CALLER = re.compile(r"(assumed-role|user)/[A-Za-z0-9+=.@_/*-]{1,200}")
_REPOSITORY = re.compile(r"[\w.-]+", re.ASCII)
_CLUSTER = re.compile(r"(staging|production)/[a-z][a-z0-9-]{0,23}")
_BUILD_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{1,255}")


@dataclass(frozen=True, slots=True)
class BuildImage:
    """The image in which every service is built, with the runtimes that CodeBuild prepares in an image of its own.

    The tools of the build need Python 3.11 or later as `python3`.
    """

    image: str = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
    runtimes: Mapping[str, str] = field(default_factory=lambda: {"python": "3.13"})
    compute: str = "BUILD_GENERAL1_SMALL"

    @property
    def is_codebuilds(self) -> bool:
        """Return whether the image is one of CodeBuild's own; no other takes `runtime-versions`."""
        return self.image.startswith("aws/codebuild/")

    @classmethod
    def read(cls, found: Any) -> "BuildImage":
        """Return the context's `build`; exits with what is wrong."""
        given = json.loads(found) if isinstance(found, str) else found
        if not isinstance(given, dict) or not set(given) <= {"image", "runtimes", "compute"}:
            raise SystemExit(f"cdk.json: build: expected an object of image, runtimes and compute, found {given!r}")
        made = cls(**given)
        if not _BUILD_IMAGE.fullmatch(str(made.image)):
            raise SystemExit(f"cdk.json: build: image: expected the name of an image, found {made.image!r}")
        if not re.fullmatch(r"BUILD_[A-Z0-9_]{1,40}", str(made.compute)):
            raise SystemExit(f"cdk.json: build: compute: expected as BUILD_GENERAL1_SMALL, found {made.compute!r}")
        wrong = (
            made.runtimes
            if not isinstance(made.runtimes, dict)
            else [
                f"{name}: {version}"
                for name, version in made.runtimes.items()
                if not (re.fullmatch("[a-z]{1,20}", str(name)) and re.fullmatch(r"[A-Za-z0-9.]{1,20}", str(version)))
            ]
        )
        if wrong or "python" not in made.runtimes:
            raise SystemExit(
                "cdk.json: build: runtimes: expected CodeBuild's names with versions, python among them, such as "
                f'{{"python": "3.13", "nodejs": "22"}}; found {made.runtimes!r}'
            )
        return made


@dataclass(frozen=True, slots=True)
class Settings:
    """The context. Times that become environment variables are strings."""

    platform: str  # lambda: wheels for Lambda; host: wheels for the machine that emulates it
    functions: Path
    retain: bool  # ledger, artifacts and secret outlive the stack
    protect_ledger: bool  # nobody can delete the ledger, a failed creation of the stack included
    poll_seconds: str
    build_poll_seconds: str
    build_look_seconds: str  # in each poll; below a minute
    converge_rate: str
    watch_rate: str
    agent_heartbeat_timeout_seconds: str
    minute_seconds: str  # of a test bed and of a watch
    callers: tuple[str, ...]  # the principals whose commands count, as patterns of ARNs behind the account
    clusters: tuple[ClusterSettings, ...]
    codecommit_repositories: tuple[str, ...]  # whose pushes are built
    webhook_concurrency: int  # executions of receive_push at once; 0 reserves none
    signing_keys: tuple[str, ...]  # the number of the key pair that signs, and of another one that is trusted too
    build: BuildImage
    other_clusters: tuple[str, ...]  # of other stacks, such as production/hello; the dashboard shows their alarms

    @property
    def dashboard_clusters(self) -> tuple[str, ...]:
        """Return every cluster whose alarms the dashboard shows; one without a load balancer has none."""
        own = (f"{each.environment}/{each.service}" for each in self.clusters if each.http)
        return (*own, *self.other_clusters)

    @property
    def emulated(self) -> bool:
        """Return whether the stacks are for the laptop: plain HTTP on loopback, and the emulator's IAM."""
        return self.platform == "host"

    @classmethod
    def of(cls, scope: Construct) -> "Settings":
        def read(key: str, default: Any) -> Any:
            found = scope.node.try_get_context(key)
            return default if found is None else found

        if read("agent_patience_seconds", None) is not None:
            raise SystemExit(
                "cdk.json: agent_patience_seconds is now agent_heartbeat_timeout_seconds; rename the key"
            )
        return cls(
            platform=str(read("platform", "lambda")),
            functions=Path(read("functions_dir", ROOT / "functions")),
            retain=str(read("retain", True)).lower() == "true",
            protect_ledger=str(read("protect_ledger", True)).lower() == "true",
            poll_seconds=_number(read("poll_seconds", "2")),
            build_poll_seconds=_number(read("build_poll_seconds", "15")),
            build_look_seconds=_number(read("build_look_seconds", "0")),
            converge_rate=str(read("converge_rate", "rate(15 minutes)")),
            watch_rate=str(read("watch_rate", "rate(5 minutes)")),
            agent_heartbeat_timeout_seconds=_number(read("agent_heartbeat_timeout_seconds", "30")),
            minute_seconds=_number(read("minute_seconds", "60")),
            callers=_callers(read("callers", [])),
            clusters=read_clusters(read("clusters", [])),
            codecommit_repositories=_repositories(read("codecommit_repositories", [])),
            webhook_concurrency=read_webhook_concurrency(read("webhook_concurrency", WEBHOOK_CONCURRENCY)),
            signing_keys=_signing_keys(str(read("signing_keys", "1"))),
            build=BuildImage.read(read("build", {})),
            other_clusters=_clusters(read("dashboard_clusters", [])),
        )


def _clusters(found: Any) -> tuple[str, ...]:
    """Return names of clusters from a list, or from its JSON (`cdk -c dashboard_clusters='[...]'`)."""
    listed = json.loads(found) if isinstance(found, str) else found
    wrong = [each for each in listed if not _CLUSTER.fullmatch(str(each))]
    if wrong:
        raise SystemExit(f"cdk.json: dashboard_clusters: {wrong} are no clusters; write them as production/hello")
    return tuple(str(each) for each in listed)


def _signing_keys(found: str) -> tuple[str, ...]:
    """Return the numbers of the signing keys: the one that signs first, and at most one more."""
    numbers = tuple(each.strip() for each in found.split(","))
    if len(set(numbers)) == len(numbers) <= 2 and all(re.fullmatch("[1-9][0-9]{0,3}", each) for each in numbers):
        return numbers
    raise SystemExit(f"cdk.json: signing_keys: expected one number, or two such as 1,2; found {found!r}")


def _callers(found: Any) -> tuple[str, ...]:
    """Return the patterns of Lifecycle's own roles, and those of a list or of its JSON, such as those of a login."""
    listed = json.loads(found) if isinstance(found, str) else found
    wrong = [each for each in listed if not _CALLER.fullmatch(str(each))]
    if wrong:
        example = "assumed-role/AWSReservedSSO_Operators_*/*"
        raise SystemExit(f"cdk.json: callers: {wrong} are no principals; write them as {example} or user/ada")
    own = (f"assumed-role/{name}/*" for name in map(names.regional, (names.OPERATOR, names.ADMINISTRATOR)))
    return (*own, *map(str, listed))


def _repositories(found: Any) -> tuple[str, ...]:
    """Return names of CodeCommit repositories from a list, or from its JSON; each names a role."""
    listed = json.loads(found) if isinstance(found, str) else found
    most = 64 - len(f"{names.BUILD_PROJECT}--") - names.LONGEST_REGION
    wrong = [each for each in listed if not (_REPOSITORY.fullmatch(str(each)) and len(str(each)) <= most)]
    if wrong:
        raise SystemExit(
            f"cdk.json: codecommit_repositories: {wrong} are no names of at most {most} letters, digits and ._-; "
            "write the repository's name alone, and rename a longer one"
        )
    return tuple(str(each) for each in listed)


def _number(found: Any) -> str:
    return f"{float(found):g}"
