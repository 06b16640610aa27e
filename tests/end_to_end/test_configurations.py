"""Configurations on the embedded environment: operators write them, and each cluster's hosts read their own."""

import contextlib
import json
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest

from apps.local.paths import EMULATED, REGION
from lifecycle import names
from lifecycle.domain.errors import ConfigDenied
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.service.configuration import Configuration, SecretRef
from lifecycle.gateways.aws.configurations import SsmConfigStore
from tests.conftest import Laptop
from tests.end_to_end.service import Service
from tools.demo.traffic import Traffic

pytestmark = pytest.mark.emulator

PLANTED = "planted-1e9b"


def as_host(laptop: Laptop, cluster: Cluster) -> SsmConfigStore:
    """Return the store that the hosts of a cluster have."""
    role = names.role_arn(names.host_role(cluster.environment, cluster.service), EMULATED)
    sts = laptop.aws.client("sts")
    given = sts.assume_role(RoleArn=role, RoleSessionName="host-1")["Credentials"]

    def client(service: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=sts.meta.endpoint_url,
            region_name=REGION,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )

    return SsmConfigStore(client("ssm"), client("secretsmanager"))


def test_host_reads_the_configuration_of_its_own_cluster_only(laptop: Laptop, brittle: Service) -> None:
    production, staging = Cluster("production", brittle.name), Cluster("staging", brittle.name)
    secret = f"lifecycle/{production}/database"
    made = laptop.aws.client("secretsmanager").create_secret(Name=secret, SecretString=f'{{"url": "{PLANTED}"}}')
    first = brittle.operator("config", "set", brittle.name, f"A={PLANTED}", "--why", "a test")
    brittle.operator("config", "set", brittle.name, "URL", "--secret", f"{made['ARN']}:url")
    assert first.facts["revision"] == 1
    host = as_host(laptop, production)
    assert host.read(production, 1) == Configuration(1, {"A": PLANTED})
    newest = host.read(production)
    assert newest == Configuration(2, {"A": PLANTED, "URL": SecretRef(made["ARN"], "url")})
    assert host.resolved(newest) == {"A": PLANTED, "URL": PLANTED}

    other = as_host(laptop, staging)
    assert other.read(staging) == Configuration(0, {})
    with pytest.raises(ConfigDenied, match=f"the configuration of {production} is denied; only people with"):
        other.read(production)
    with pytest.raises(ConfigDenied, match="the secret of URL is denied; the role of the host needs secretsm"):
        other.resolved(newest)
    with pytest.raises(ConfigDenied, match="with kms:Encrypt and kms:GenerateDataKey, and ssm:PutParameter"):
        host.write(production, {}, 2)


def test_command_line_shows_names_and_keeps_values(brittle: Service) -> None:
    brittle.operator("config", "set", brittle.name, f"A={PLANTED}", "-e", "staging")
    brittle.operator("config", "set", brittle.name, "B=1", "-e", "staging")
    brittle.operator("config", "unset", brittle.name, "B", "-e", "staging")
    listed = brittle.operator.read("config", "list", brittle.name, "-e", "staging")
    assert listed.facts["values"] == {"A": {"kind": "text"}}
    history = brittle.operator.read("config", "history", brittle.name, "-e", "staging")
    found = [(each["revision"], each["changed"]) for each in history.facts["revisions"]]
    assert found == [(3, ["B"]), (2, ["B"]), (1, ["A"])]
    trail = brittle.operator.read("history", brittle.name, "--trail")
    assert "configuration revision 3: remove B" in trail.out
    assert PLANTED not in listed.out + history.out + trail.out


def words_of_processes() -> str:
    """Return the arguments of every process; their environments are the kernel's secret."""
    found = []
    for each in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            found.append(" ".join(each.cmdline()))
    return "\n".join(found)


def everything_stored(laptop: Laptop) -> str:
    """Return what the ledger, the executions and the reports of the environment have, as text."""
    items = laptop.aws.client("dynamodb").get_paginator("scan").paginate(TableName=names.LEDGER)
    states = laptop.aws.client("stepfunctions")
    machine = laptop.facts["state_machines"]["rollout"]
    given = [
        states.describe_execution(executionArn=each["executionArn"])
        for each in states.list_executions(stateMachineArn=machine)["executions"]
    ]
    return json.dumps([list(items), given], default=str)


def environment_of(service: Service, host: str) -> str:
    return (Path("/proc") / str(service.pid(host)) / "environ").read_text(errors="replace")


def test_configuration_is_rolled_out_and_back_with_its_version(
    laptop: Laptop, brittle: Service, moods: dict[str, str], brittle_healthy: None
) -> None:
    hosts = [host.name for host in brittle.production.hosts]
    before = {view["config"] for view in brittle.host_views().values()}
    pids = {host: brittle.pid(host) for host in hosts}
    revision = brittle.operator("config", "set", brittle.name, f"TOKEN={PLANTED}-token").facts["revision"]
    assert {host: brittle.pid(host) for host in hosts} == pids
    assert brittle.status()["newest_config"] == revision
    with Traffic(brittle.url, 50.0) as traffic:
        output = brittle.operator("deploy", brittle.name, "--config", "--yes")
        assert output.end["state"] == "DONE"
        assert {view["config"] for view in brittle.host_views().values()} == {revision}
        assert all(f"TOKEN={PLANTED}-token" in environment_of(brittle, host) for host in hosts)
        assert (set(brittle.installed().values()), brittle.status()["config"]) == ({moods["healthy"]}, revision)
        brittle.operator("rollback", brittle.name, "--reason", "a test", "--yes")
    assert traffic.tally.failed == 0, traffic.tally.facts()
    assert {view["config"] for view in brittle.host_views().values()} == before
    assert not any("TOKEN=" in environment_of(brittle, host) for host in hosts)
    assert f"{PLANTED}-token" not in everything_stored(laptop) + words_of_processes() + output.out
    brittle.operator("config", "unset", brittle.name, "TOKEN")


def test_configuration_that_a_service_prints_when_it_fails_is_masked(
    laptop: Laptop, brittle: Service, brittle_healthy: None
) -> None:
    brittle.operator("config", "set", brittle.name, f"FAIL_WITH={PLANTED}-printed")
    output = brittle.operator("deploy", brittle.name, "--config", "--yes", code=1)
    assert output.end["state"] == "HALTED"
    assert "brittle: I fail with [FAIL_WITH]" in output.end["question"]["evidence"]
    assert f"{PLANTED}-printed" not in everything_stored(laptop) + output.out + output.err
    question = output.end["question"]
    brittle.operator("decide", question["deployment"], "ROLL_BACK", "--why", "it prints", "--watch")
    brittle.operator("config", "unset", brittle.name, "FAIL_WITH")
    assert {view["drift"] for view in brittle.host_views().values()} == {None}
