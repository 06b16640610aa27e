"""A session for the laptop's emulator, in a shell that is set up for another AWS."""

import os
import subprocess
import sys

import pytest

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
REFUSED = "http://127.0.0.1:1"
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


@pytest.mark.parametrize(
    "variable",
    [
        "SSLKEYLOGFILE=/nonexistent/keys",
        "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT=bogus",
        "AWS_S3_USE_ARN_REGION=maybe",
        "AWS_S3_DISABLE_MULTIREGION_ACCESS_POINTS=maybe",
        "AWS_S3_DISABLE_EXPRESS_SESSION_AUTH=maybe",
    ],
)
def test_no_variable_of_a_person_fails_a_client_of_s3(variable: str) -> None:
    name, _, value = variable.partition("=")
    program = PROGRAM.replace('client("sts"', 'client("s3"').replace("get_caller_identity", "list_buckets")
    done = subprocess.run(
        [sys.executable, "-c", program, REFUSED],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": PYTHONPATH, "HOME": "/", name: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f'EndpointConnectionError Could not connect to the endpoint URL: "{REFUSED}/"\n', (
        done.stderr
    )


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
