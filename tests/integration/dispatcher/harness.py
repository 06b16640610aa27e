"""A real emulator with IAM on, the real dispatcher and small real services, for the tests beside it."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config

from apps.local.aws import root_key
from tests.support.polling import PATIENCE_SECONDS, until

ROOT = Path(__file__).resolve().parents[3]
REGION = "us-east-1"
# The root's key of the plain emulator, which runs here without the environment's gate.
PLAIN = {"AccessKeyId": "test", "SecretAccessKey": "test"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ended(pid: int) -> bool:
    """Return True if a process is gone or a zombie."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


@contextlib.contextmanager
def process(command: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a child process, and end it by its pid."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env=kept | {"PYTHONPATH": f"{ROOT}:{ROOT}/layers/core/python"} | environment,
        )
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextlib.contextmanager
def emulator(folder: Path) -> Iterator[str]:
    """Run the emulator on a free port; yield its URL."""
    port = free_port()
    command = [str(ROOT / ".venv-emulator/bin/python"), "-m", "ministack"]
    settings = {"AUTH": "true", "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "LOG_LEVEL": "WARNING"}
    with process(command, folder / "emulator.log", **settings, TMPDIR=str(folder)):
        until(lambda: is_open(port))
        yield f"http://127.0.0.1:{port}"


def client(service: str, url: str, credentials: Mapping[str, str] | None = None) -> Any:
    """Return a client of an endpoint, as root unless credentials of AssumeRole are given."""
    given = credentials or PLAIN
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given.get("SessionToken"),
        config=Config(retries={"total_max_attempts": 1}),
    )


def role(url: str, name: str, trusted: dict[str, Any], allowed: list[str]) -> str:
    """Make a role that may do `allowed` on everything; return its ARN."""
    iam = client("iam", url)
    trust = {"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}
    found = iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )
    grant = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
    iam.put_role_policy(
        RoleName=name,
        PolicyName="allowed",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [grant]}),
    )
    return str(found["Role"]["Arn"])


def session(url: str, arn: str) -> dict[str, str]:
    """Return credentials of a role."""
    found = client("sts", url).assume_role(RoleArn=arn, RoleSessionName="test")
    return dict(found["Credentials"])


@dataclass
class Service:
    """A web service on its own address: `/slow` waits for `release`, `/broken` answers 500, `/dies` nothing."""

    address: str
    port: int = 0
    healthy: bool = True
    hold_checks: bool = False
    served: int = 0
    checks: int = 0
    release: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def running(self) -> Iterator["Service"]:
        server = ThreadingHTTPServer((self.address, self.port), self._handler())
        server.daemon_threads = True
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            self.release.set()
            server.shutdown()
            server.server_close()
            thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path == "/is_alive":
                    service.checks += 1
                    status = 200 if service.healthy else 503
                    if service.hold_checks:
                        service.release.wait(PATIENCE_SECONDS)
                else:
                    service.served += 1
                    status = 500 if self.path == "/broken" else 200
                    if self.path == "/dies":
                        self.close_connection = True
                        return
                    if self.path == "/slow":
                        service.entered.set()
                        service.release.wait(PATIENCE_SECONDS)
                body = f"{service.address}\n".encode()
                head = f"HTTP/1.1 {status} \r\nContent-Length: {len(body)}\r\n\r\n"
                with contextlib.suppress(BrokenPipeError):
                    self.wfile.write(head.encode() + body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@dataclass
class Harness:
    """The emulator, the dispatcher in front of it, one load balancer with one listener and target group."""

    emulator: str
    endpoint: str
    folder: Path
    port: int
    group: str = ""
    listener: str = ""
    load_balancer: str = ""
    pid: int = 0

    @property
    def elb(self) -> Any:
        return client("elbv2", self.endpoint)

    def build(self, name: str) -> None:
        elb = client("elbv2", self.emulator)
        made = elb.create_load_balancer(Name=name, Subnets=["subnet-1", "subnet-2"])
        self.load_balancer = made["LoadBalancers"][0]["LoadBalancerArn"]
        self.group = self.new_group(name)
        made = elb.create_listener(
            LoadBalancerArn=self.load_balancer,
            Port=self.port,
            Protocol="HTTP",
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.group}],
        )
        self.listener = made["Listeners"][0]["ListenerArn"]

    def remove(self) -> None:
        """Delete the listener and the target group again."""
        elb = client("elbv2", self.emulator)
        elb.delete_listener(ListenerArn=self.listener)
        elb.delete_target_group(TargetGroupArn=self.group)

    def new_group(self, name: str) -> str:
        elb = client("elbv2", self.emulator)
        made = elb.create_target_group(
            Name=name, Protocol="HTTP", Port=80, VpcId="vpc-1", TargetType="ip", HealthCheckPath="/is_alive"
        )
        return str(made["TargetGroups"][0]["TargetGroupArn"])

    def register(self, *services: Service, group: str = "") -> None:
        self.elb.register_targets(TargetGroupArn=group or self.group, Targets=_targets(services))

    def deregister(self, *services: Service) -> None:
        self.elb.deregister_targets(TargetGroupArn=self.group, Targets=_targets(services))

    def health(self, group: str = "") -> dict[str, str]:
        found = self.elb.describe_target_health(TargetGroupArn=group or self.group)
        return {each["Target"]["Id"]: each["TargetHealth"]["State"] for each in found["TargetHealthDescriptions"]}

    def reason(self, service: Service) -> str:
        found = self.elb.describe_target_health(TargetGroupArn=self.group, Targets=_targets([service]))
        return str(found["TargetHealthDescriptions"][0]["TargetHealth"].get("Reason", ""))

    def get(self, path: str = "/", port: int = 0) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request("GET", path)
            found = connection.getresponse()
            return found.status, found.read().decode().strip()
        finally:
            connection.close()

    def state(self) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self.endpoint.removeprefix("http://"), timeout=PATIENCE_SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", "/_lifecycle/state")
            return dict(json.load(connection.getresponse()))


def _targets(services: Any) -> list[dict[str, Any]]:
    return [{"Id": each.address, "Port": each.port} for each in services]


@contextlib.contextmanager
def dispatcher(url: str, folder: Path, *options: str, root: Mapping[str, str] = PLAIN) -> Iterator[tuple[str, int]]:
    """Run the dispatcher in front of an emulator, with the key of its root; yield its URL and pid."""
    port = free_port()
    command = [sys.executable, "-m", "apps.local.dispatcher", "--listen", f"127.0.0.1:{port}"]
    command += ["--emulator", url, "--home", str(folder / "dispatcher"), *options]
    with process(command, folder / "dispatcher.log", **root_key.variables(root)) as child:
        until(lambda: is_open(port) or child.poll() is not None)
        assert child.poll() is None, (folder / "dispatcher.log").read_text()
        yield f"http://127.0.0.1:{port}", child.pid
