"""The process of the embedded AWS, and the variables by which other processes find it.

It runs in a virtual environment of its own, with IAM enforcement on. The Lambda workers are its children and inherit
its environment, without the root's key.
"""

import os
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from apps.local.aws.embedded import ROOT_KEY, ROOT_SECRET, SNAPSHOT_PATH
from apps.local.aws.gate import HEALTH_PATH
from apps.local.errors import PartFailed
from apps.local.paths import ACCOUNT, REGION, REPOSITORY, Layout, private, write_json
from apps.local.ports import LOOPBACK, Ports
from apps.local.processes import Part, log_end, start
from lifecycle.ambient import for_python

PART = "emulator"
_PYTHON = REPOSITORY / ".venv-emulator" / "bin" / "python"
_EMBEDDED = REPOSITORY / "apps" / "local" / "aws" / "embedded.py"
_CALLED = (
    *("codebuild", "codecommit", "dynamodb", "elasticloadbalancing", "events", "iam", "lambda", "logs"),
    *("monitoring", "s3", "secretsmanager", "sns", "ssm", "states", "sts"),
)


def endpoints(layout: Layout, ports: Ports) -> dict[str, str]:
    """Return the variables by which any AWS SDK finds this environment."""
    return {
        "AWS_DATA_PATH": str(_small_data(layout)),
        "AWS_ENDPOINT_URL": f"http://{LOOPBACK}:{ports.emulator}",
        "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2": f"http://{LOOPBACK}:{ports.balancer}",
        "AWS_ENDPOINT_URL_CODEBUILD": f"http://{LOOPBACK}:{ports.builder}",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        # No profile of the user may apply.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _small_data(layout: Layout) -> Path:
    """Make a folder with botocore's list of AWS's endpoints, shortened to the services in use; return it.

    Every SDK process holds the list in memory. The full list takes 7 to 15 MB, and there are twenty processes.
    """
    file = layout.temporary / "botocore" / "endpoints.json"
    if not file.exists():
        from botocore.loaders import Loader  # noqa: PLC0415 (slow to import, needed once per environment)

        known = Loader().load_data("endpoints")
        partition = next(each for each in known["partitions"] if each["partition"] == "aws")
        services = {name: found for name, found in partition["services"].items() if name in _CALLED}
        write_json(file, {"version": known["version"], "partitions": [{**partition, "services": services}]})
    return file.parent


def start_emulator(layout: Layout, ports: Ports, root: Mapping[str, str]) -> Part:
    """Start the emulator from its saved state; `root` is the key of the account's root.

    `wait_for_emulator` returns when it answers.
    """
    private(layout.temporary)
    environment = {
        **for_python(os.environ),
        **endpoints(layout, ports),
        "AUTH": "true",
        "BIND_HOST": LOOPBACK,
        "GATEWAY_PORT": str(ports.emulator),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "TMPDIR": str(layout.temporary),
        "PERSIST_STATE": "1",
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(layout.temporary / "s3"),
        "STATE_DIR": str(layout.temporary / "state"),
        "LOG_LEVEL": "WARNING",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        # An idle worker ends after that time: a new one is forked in milliseconds (lambda_workers.py).
        "LAMBDA_WARM_TTL_SECONDS": "60",
        "MALLOC_ARENA_MAX": "1",
        "PYTHONUNBUFFERED": "1",
        ROOT_KEY: root["AccessKeyId"],
        ROOT_SECRET: root["SecretAccessKey"],
    }
    return start(layout, PART, [str(_PYTHON), "-P", str(_EMBEDDED)], environment)


def wait_for_emulator(layout: Layout, part: Part, ports: Ports) -> None:
    """Return when the emulator answers; raise PartFailed with its log if it ends or does not answer in time."""
    wait_for(layout, part, lambda: emulator_answers(ports.emulator), timeout_seconds=60)


def wait_for(layout: Layout, part: Part, ready: Callable[[], bool], timeout_seconds: float = 20) -> None:
    """Return when the part is ready; raise PartFailed with its log if it ends or is not ready in time."""
    deadline = time.monotonic() + timeout_seconds
    while not ready():
        if not part.alive:
            raise PartFailed(part.name, "ended while it started", log_end(layout, part.name))
        if time.monotonic() > deadline:
            why = f"was not ready within {timeout_seconds:.0f} s"
            raise PartFailed(part.name, why, log_end(layout, part.name))
        time.sleep(0.03)


def take_snapshot(ports: Ports, root: Mapping[str, str]) -> None:
    """Make the emulator save all of its state; it journals later changes itself (embedded.py)."""
    url = f"http://{LOOPBACK}:{ports.emulator}{SNAPSHOT_PATH}"
    request = urllib.request.Request(url, b"", _signed_headers(url, root), method="POST")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60):
        pass


def _signed_headers(url: str, root: Mapping[str, str]) -> dict[str, str]:
    from botocore.auth import SigV4Auth  # noqa: PLC0415 (slow to import)
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import Credentials  # noqa: PLC0415

    request = AWSRequest("POST", url, data=b"")
    SigV4Auth(Credentials(root["AccessKeyId"], root["SecretAccessKey"]), "lifecycle", REGION).add_auth(request)
    return dict(request.headers)


def emulator_answers(port: int, timeout_seconds: float = 2.0) -> bool:
    """Return True if the emulator reports itself healthy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{LOOPBACK}:{port}{HEALTH_PATH}", timeout=timeout_seconds):
            return True
    except OSError:
        return False
