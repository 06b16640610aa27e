"""`lifecycle local up` and `down`: start, deploy, repair and end the AWS side of a laptop.

`up` checks the ports, then starts the emulator, the dispatcher, the CodeBuild endpoint and the console, while another
process synthesises the CDK app. Then it deploys the app through CloudFormation, and writes environment.json. The CLI,
the Git hook and services/clusters.py read that file. Hosts are added with a service (services/clusters.py).
"""

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from apps.local.aws import root_key
from apps.local.aws.assembly import Synthesis, fingerprint, templates
from apps.local.aws.clients import Aws
from apps.local.aws.cloudformation import deploy, outputs
from apps.local.aws.emulator import PART as EMULATOR
from apps.local.aws.emulator import start_emulator, take_snapshot, wait_for_emulator
from apps.local.aws.endpoints import BALANCER, ENDPOINTS, start_endpoint, wait_for_endpoint
from apps.local.dispatcher import inotify
from apps.local.errors import LaptopError, NotRunning
from apps.local.git.repositories import write_hooks
from apps.local.lock import locked
from apps.local.own_files import read_environment
from apps.local.paths import (
    ACCOUNT,
    CLUSTER_TEMPLATE,
    EMULATED,
    PLATFORM,
    REGION,
    WORKER_TEMPLATE,
    Layout,
    private,
    write_json,
)
from apps.local.ports import LOOPBACK, Ports, check
from apps.local.processes import Part, end, forget_files, recorded
from apps.local.progress import Progress
from apps.local.services import hosts
from lifecycle import names

RECEIVE_PUSH = names.function("receive_push")


def up(
    layout: Layout, progress: Progress, ports: Ports | None = None, context: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Bring the environment up, or restart the parts that died; return the content of environment.json.

    `context` overrides a laptop's settings of the CDK app, such as converge_rate. Raises PortsTaken before anything
    is started. Ends every part that it started if it fails or is interrupted.
    """
    with locked(layout, progress):
        _close(layout)
        write_hooks(layout)
        known = read_environment(layout.environment)
        if known is None:
            _end_everything(layout)
            return _start(layout, ports or Ports(), progress, context or {})
        running = Ports(**known["ports"])
        if ports not in (None, running):
            raise LaptopError("the environment runs on other ports; end it first: lifecycle local down")
        if root_key.is_public(root_key.recorded(known)):
            known = _with_own_key(layout, progress, known)
        settings = known["context"] if context is None else context
        again = _repair if recorded(layout).get(EMULATOR, _NOT_STARTED).alive else _restart_emulator
        return again(layout, running, progress, {**known, "context": settings})


def rotate_keys(layout: Layout, progress: Progress) -> dict[str, Any]:
    """Let a new pair of keys sign from now on, and trust beside it the pair that signed so far, but no older one.

    The hosts here read their file of keys at each check, so that one step is enough. On AWS it takes two deployments.
    """
    known = read_environment(layout.environment)
    if known is None:
        raise NotRunning
    numbers = [int(each) for each in str(known["context"].get("signing_keys", "1")).split(",")]
    return up(layout, progress, context={**known["context"], "signing_keys": f"{max(numbers) + 1},{numbers[0]}"})


def down(layout: Layout, progress: Progress) -> None:
    """End every process of the environment, the hosts' services included; raise LaptopError if one does not end."""
    with locked(layout, progress):
        if not layout.processes.exists() and not layout.clusters.exists():
            progress.say("Nothing is running.")
            return
        with progress.step("end the hosts, the endpoints and the emulator"):
            left = _end_everything(layout)
    if left:
        raise LaptopError(f"these did not end: {'; '.join(left)}")


def _start(layout: Layout, ports: Ports, progress: Progress, context: Mapping[str, str]) -> dict[str, Any]:
    check(ports.fixed())
    root = root_key.new()
    # Of the load balancer, and of the two clusters of a first service.
    inotify.require(inotify.FOR_ENVOY + 2 * inotify.FOR_A_CLUSTER)
    try:
        with Synthesis(context) as synthesis:
            with progress.step("start the embedded AWS"):
                emulator = start_emulator(layout, ports, root)
                wait_for_emulator(layout, emulator, ports)
            with progress.step("start the load balancer, the build service and the console"):
                for part in [start_endpoint(layout, ports, name, root) for name in ENDPOINTS]:
                    wait_for_endpoint(layout, ports, part)
            return _deploy(layout, ports, root, progress, context, synthesis)
    except BaseException:
        with progress.step("end what was started"):
            _end_everything(layout)
        raise


def _with_own_key(layout: Layout, progress: Progress, known: Mapping[str, Any]) -> dict[str, Any]:
    """Give an environment of an older version a root key of its own; return environment.json's new content.

    The processes that have the old key end. `up` then finds them dead, and starts them with the new key.
    """
    with progress.step("end the embedded AWS and its endpoints, which go on with a root key of their own"):
        end(layout, [part for name, part in recorded(layout).items() if name in (EMULATOR, *ENDPOINTS)])
        own = {**known, "credentials": root_key.record(root_key.new())}
        write_json(layout.environment, own)
    return own


def _restart_emulator(layout: Layout, ports: Ports, progress: Progress, known: Mapping[str, Any]) -> dict[str, Any]:
    """Start the emulator again from its saved state; services kept serving meanwhile."""
    with progress.step("restart the embedded AWS, which had died"):
        end(layout, [part for name, part in recorded(layout).items() if name == EMULATOR])
        check({"emulator": ports.emulator}, _PORT_RELEASE_SECONDS)
        wait_for_emulator(layout, start_emulator(layout, ports, root_key.recorded(known)), ports)
    return _repair(layout, ports, progress, known)


def _repair(layout: Layout, ports: Ports, progress: Progress, known: Mapping[str, Any]) -> dict[str, Any]:
    """Restart the endpoints and agents that died, and deploy the CDK app again if its sources changed."""
    parts, root = recorded(layout), root_key.recorded(known)
    repaired = False
    for name in ENDPOINTS:
        part = parts.get(name, _NOT_STARTED)
        if not part.alive:
            with progress.step(f"restart the {name}, which had died"):
                end(layout, [each for each in parts.values() if each == part])
                wait_for_endpoint(layout, ports, start_endpoint(layout, ports, name, root))
            repaired = True
    # Of an environment that was made before hosts were bound, too.
    hosts.bind(Aws(ports, root), [host for cluster in hosts.clusters(layout).values() for host in cluster.hosts])
    for host in hosts.with_dead_agent(layout):
        with progress.step(f"restart the agent of {host.name}, which had died"):
            hosts.start_agent(layout, known, host)
        repaired = True
    if known.get("fingerprint") != fingerprint(known["context"]):
        progress.say("The sources changed since the last deployment.")
        with Synthesis(known["context"]) as synthesis:
            return _deploy(layout, ports, root, progress, known["context"], synthesis)
    if not repaired:
        progress.say(f"The environment is up already, at {known['endpoint']}.")
    return dict(known)


def _close(layout: Layout) -> None:
    """Close the folders that have secrets to other users of the machine.

    Others may pass through the home, because a service of a host may run as a user of its own.
    """
    layout.home.mkdir(parents=True, exist_ok=True)
    layout.home.chmod(0o711)
    for folder in (layout.temporary, layout.logs, layout.dispatcher, layout.builds):
        private(folder)


def _deploy(
    layout: Layout,
    ports: Ports,
    root: Mapping[str, str],
    progress: Progress,
    context: Mapping[str, str],
    synthesis: Synthesis,
) -> dict[str, Any]:
    with progress.step("synthesise the CDK app"):
        folder = synthesis.wait()
    if synthesis.cached:
        progress.say("      (unchanged since the last synthesis)")
    aws = Aws(ports, root)
    for template in templates(folder):
        if template.name not in (CLUSTER_TEMPLATE, WORKER_TEMPLATE):
            with progress.step(f"deploy {template.name}"):
                deploy(aws, template, ports.emulator)
    hosts.write_keys(layout, aws)
    environment = {**_describe(layout, ports, aws, folder), "context": dict(context)}
    take_snapshot(ports, root)
    write_json(layout.environment, environment)
    return environment


def _describe(layout: Layout, ports: Ports, aws: Aws, folder: Path) -> dict[str, Any]:
    return {
        "home": str(layout.home),
        "region": REGION,
        "account": ACCOUNT,
        "ports": asdict(ports),
        "endpoint": f"http://{LOOPBACK}:{ports.emulator}",
        "elbv2_endpoint": f"http://{LOOPBACK}:{ports.balancer}",
        "codebuild_endpoint": f"http://{LOOPBACK}:{ports.builder}",
        "console": f"http://{LOOPBACK}:{ports.console}",
        # The account's root: the person who owns this laptop.
        "credentials": root_key.record(aws.credentials),
        "operator_role": names.role_arn(names.OPERATOR, EMULATED),
        "state_machines": {
            name: names.machine_arn(names.machine(name), EMULATED) for name in ("delivery", "rollout")
        },
        "function_url": aws.client("lambda").get_function_url_config(FunctionName=RECEIVE_PUSH)["FunctionUrl"],
        "webhook_secret": names.WEBHOOK_SECRET,
        "ledger_table": names.LEDGER,
        "artifact_bucket": names.artifact_bucket(EMULATED),
        "outputs": outputs(aws, PLATFORM),
        "assembly": str(folder),
        "fingerprint": folder.name.partition("-")[2],
    }


def _end_everything(layout: Layout) -> list[str]:
    """End the agents, the load balancer, the services and the rest; return the processes that did not end.

    A service waits for the load balancer's connections before it ends, so the load balancer ends first.
    """
    parts = recorded(layout)
    stayed = end(layout, [part for name, part in parts.items() if name.startswith(hosts.AGENT)])
    stayed += end(layout, [part for name, part in parts.items() if name == BALANCER])
    left = hosts.stop_services(layout)
    stayed += end(layout, list(recorded(layout).values()))
    left += [f"pid {pid}" for pid in stayed]
    forget_files(layout)
    # The ledger is gone, so the hosts', the dispatcher's and the clusters' state must go too.
    for folder in (layout.hosts, layout.dispatcher, layout.builds):
        shutil.rmtree(folder, ignore_errors=True)
    layout.clusters.unlink(missing_ok=True)
    return left


_NOT_STARTED = Part("never started", -1, 0.0, ())
# The parent of a killed process is notified before the kernel has closed the sockets of its threads.
_PORT_RELEASE_SECONDS = 5.0
