"""A session for the laptop's emulator, in a shell that is set up for another AWS."""

import os
import subprocess
import sys

from apps.local.paths import PYTHONPATH
from apps.local.ports import LOOPBACK, Ports

# Each fails or diverts a plain session, or a call of its client.
AMBIENT = {
    "AWS_PROFILE": "company",
    "AWS_CONFIG_FILE": "/proc/1/mem",
    "AWS_SHARED_CREDENTIALS_FILE": "/proc/1/mem",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_RETRY_MODE": "none such",
    "AWS_MAX_ATTEMPTS": "many",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "HTTP_PROXY": "http://127.0.0.1:1",
    "http_proxy": "http://127.0.0.1:1",
}
PROGRAM = """
import sys
from lifecycle.gateways.aws.client import client_config, laptop_session
config = client_config(proxies={}, retries={"total_max_attempts": 1})
session = laptop_session("key", "secret", region="us-east-1")
try:
    session.client("sts", endpoint_url=sys.argv[1], config=config).get_caller_identity()
except Exception as error:
    print(type(error).__name__, error)
"""


def test_settings_of_another_aws_or_a_proxy_change_no_call() -> None:
    url = f"http://{LOOPBACK}:{Ports.free().emulator}"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, url],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": PYTHONPATH, "HOME": "/", **AMBIENT},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f'EndpointConnectionError Could not connect to the endpoint URL: "{url}/"\n', done.stderr
