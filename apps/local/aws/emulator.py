"""The embedded AWS: how its process is started, and clients of it.

It runs in its own virtual environment, with IAM enforcement on; `test`/`test` is the account's root there.
Its environment is what the Lambda workers, which are its children, inherit.
"""

import os
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from apps.local.aws.clients import ROOT_KEY
from apps.local.aws.embedded import KEEP
from apps.local.errors import PartFailed
from apps.local.paths import ACCOUNT, REGION, REPOSITORY, Layout, write_json
from apps.local.ports import LOOPBACK, Ports
from apps.local.processes import Part, log_end, start

PART = "emulator"
_PYTHON = REPOSITORY / ".venv-emulator" / "bin" / "python"
_EMBEDDED = REPOSITORY / "apps" / "local" / "aws" / "embedded.py"
_CALLED = (
    *("codebuild", "codecommit", "dynamodb", "elasticloadbalancing", "events", "iam", "lambda", "logs"),
    *("monitoring", "s3", "secretsmanager", "sns", "ssm", "states", "sts"),
)
# What a process of the environment keeps of the user's: nothing that names another AWS, Python or proxy.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "SHELL")


def clean_environment() -> dict[str, str]:
    """The variables of the user that every process of the environment may see."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def endpoints(layout: Layout, ports: Ports) -> dict[str, str]:
    """The variables by which any AWS SDK finds this environment."""
    return {
        "AWS_DATA_PATH": str(_small_data(layout)),
        "AWS_ENDPOINT_URL": f"http://{LOOPBACK}:{ports.emulator}",
        "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2": f"http://{LOOPBACK}:{ports.balancer}",
        "AWS_ENDPOINT_URL_CODEBUILD": f"http://{LOOPBACK}:{ports.builder}",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        # No profile of the user's may take part.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _small_data(layout: Layout) -> Path:
    """A folder with botocore's list of AWS's endpoints, shortened to what is called here.

    Every SDK process keeps that list in memory, 7 to 15 MB of it, and there are twenty of them.
    """
    file = layout.temporary / "botocore" / "endpoints.json"
    if not file.exists():
        from botocore.loaders import Loader  # noqa: PLC0415 (slow to import, needed once an environment)

        known = Loader().load_data("endpoints")
        partition = next(each for each in known["partitions"] if each["partition"] == "aws")
        services = {name: found for name, found in partition["services"].items() if name in _CALLED}
        write_json(file, {"version": known["version"], "partitions": [{**partition, "services": services}]})
    return file.parent


def root_credentials() -> dict[str, str]:
    """The account's root, as variables."""
    return {"AWS_ACCESS_KEY_ID": ROOT_KEY, "AWS_SECRET_ACCESS_KEY": ROOT_KEY}


def start_emulator(layout: Layout, ports: Ports) -> Part:
    """Start the emulator on what it remembers; `wait_for_emulator` says when it answers."""
    layout.temporary.mkdir(parents=True, exist_ok=True)
    environment = {
        **clean_environment(),
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
        # The workers' own level: the emulator waits 50 ms for an invocation's line, 5 ms once it has one.
        "POWERTOOLS_LOG_LEVEL": "INFO",
        # A worker a phase is kept; surplus ones of a burst go soon.
        "LAMBDA_WARM_TTL_SECONDS": "20",
        "MALLOC_ARENA_MAX": "1",
        "PYTHONUNBUFFERED": "1",
    }
    return start(layout, PART, [str(_PYTHON), "-P", str(_EMBEDDED)], environment)


def wait_for_emulator(layout: Layout, part: Part, ports: Ports) -> None:
    """Return when the emulator answers; raise PartFailed with its log when it ended or never did."""
    wait_for(layout, part, lambda: emulator_answers(ports.emulator), patience_seconds=60)


def wait_for(layout: Layout, part: Part, ready: Callable[[], bool], patience_seconds: float = 20) -> None:
    """Return when the part is ready; raise PartFailed with its log when it ended or never was."""
    deadline = time.monotonic() + patience_seconds
    while not ready():
        if not part.alive:
            raise PartFailed(part.name, "ended while it started", log_end(layout, part.name))
        if time.monotonic() > deadline:
            why = f"was not ready within {patience_seconds:.0f} s"
            raise PartFailed(part.name, why, log_end(layout, part.name))
        time.sleep(0.03)


def keep(ports: Ports) -> None:
    """Have the emulator remember everything as it is now; what comes later it notes by itself (embedded.py)."""
    request = urllib.request.Request(f"http://{LOOPBACK}:{ports.emulator}{KEEP}", method="POST")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60):
        pass


def emulator_answers(port: int, timeout_seconds: float = 2.0) -> bool:
    """Whether the emulator says that it is well."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{LOOPBACK}:{port}/_ministack/health", timeout=timeout_seconds):
            return True
    except OSError:
        return False
