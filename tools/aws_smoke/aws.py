"""The kit on AWS: CDK deploys, CodeCommit has the example, and the `lifecycle` command does the rest."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from apps.cli.connection import caller_name
from apps.cli.doctor.aws import AwsAccount
from apps.cli.doctor.checks import findings
from apps.cli.doctor.facts import Wanted
from apps.cli.doctor.findings import Level
from lifecycle import names
from lifecycle.domain.delivery.clone_url import codecommit_url
from lifecycle.gateways.aws.errors import code_of
from tools.aws_smoke import network
from tools.aws_smoke.cloud import Answer, Ending, Part, SmokeFailed
from tools.aws_smoke.commands import Commands, Run
from tools.aws_smoke.example import SERVICE, files
from tools.aws_smoke.probes import Probes
from tools.aws_smoke.spending import HOSTS
from tools.aws_smoke.stacks import CLUSTER_STACK, MARK, Stacks

REPOSITORY = names.SMOKE
_SEARCHES, _SEARCH_SECONDS = 10, 30.0
_NPX = Path(sys.prefix) / "bin" / "npx"


class AwsCloud:
    """One account and region, by a profile; `run` runs programs with its AWS_PROFILE and region."""

    def __init__(
        self,
        client: Callable[[str], Any],
        account: names.Account,
        profile: str,
        caller: str,
        run: Run,
        address: str,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._profile = profile
        self._client = client
        self._account = account
        self._caller = caller
        self._run = run
        self._address = address  # of the caller: nobody else may call the service
        self._stacks = Stacks(client, account)
        self.commands = Commands(run, SERVICE, sleep=sleep)

    def blockers(self) -> Sequence[str]:
        found = self._stacks.marked()
        if foreign := sorted(name for name, own in found.items() if not own):
            return [f"{', '.join(foreign)} are not the kit's own; choose an account and region without Lifecycle"]
        if any(found.values()):
            return [f"an earlier run left {', '.join(sorted(found))}; remove them with --clean-up-only"]
        account = AwsAccount(self._client, self._account, self._profile)
        facts = account.facts(Wanted(webhook_concurrency=0))
        every = findings(facts, Wanted(webhook_concurrency=0))
        return [f"{each.text} ({each.mend})" for each in every if each.level is Level.MEND]

    def make(self, part: Part) -> None:
        match part:
            case Part.NETWORK:
                self._stacks.create(network.STACK, network.template())
            case Part.REPOSITORY:
                self._client("codecommit").create_repository(repositoryName=REPOSITORY, tags={MARK: "1"})
            case Part.CONTROL_PLANE:
                self._deploy(names.CONTROL_PLANE_STACK)
            case Part.CLUSTER:
                self._deploy(CLUSTER_STACK)
                self.commands.wait_for_hosts(HOSTS)

    def _deploy(self, stack: str) -> None:
        """Deploy a stack with CDK; the webhook reserves nothing, because a new account may have ten executions."""
        where = self._stacks.outputs(network.STACK)
        cluster = {
            "service": SERVICE,
            "environment": "production",
            "vpc_id": where["VpcId"],
            "subnet_ids": where["SubnetIds"].split(","),
            "hosts": HOSTS,
            "internal": False,
            "allowed_cidr": f"{self._address}/32",
        }
        context = {
            "retain": "false",
            "protect_ledger": "false",
            "webhook_concurrency": "0",
            "clusters": json.dumps([cluster]),
            "callers": json.dumps([_pattern(self._caller)]),
            "codecommit_repositories": json.dumps([REPOSITORY]),
        }
        options = [text for key, value in context.items() for text in ("-c", f"{key}={value}")]
        command = [str(_NPX), "--yes", "aws-cdk", "deploy", stack, "--exclusively", "--require-approval", "never"]
        code, _, err = self._run([*command, "--tags", f"{MARK}=1", *options])
        if code:
            raise SmokeFailed(f"cdk deploy {stack} ended with {code}: {err.strip()[-2000:]}")

    def push(self, *, broken: bool) -> str:
        codecommit = self._client("codecommit")
        self._own_service()
        try:
            head = codecommit.get_branch(repositoryName=REPOSITORY, branchName="main")["branch"]["commitId"]
            parent = {"parentCommitId": head}
        except Exception as error:
            if code_of(error) != "BranchDoesNotExistException":
                raise
            parent = {}
        changed = [
            {"filePath": path, "fileContent": content}
            for path, content in files(broken=broken)
            if not parent or path == "switches.toml"
        ]
        commit = codecommit.create_commit(
            repositoryName=REPOSITORY,
            branchName="main",
            commitMessage="Fail the self-test" if broken else "The example",
            authorName="lifecycle",
            email="lifecycle@example.invalid",
            putFiles=changed,
            **parent,
        )["commitId"]
        return self.commands.promoted(self.commands.snapshot_of(commit))

    def _own_service(self) -> None:
        """Say whose builds may go to the cluster, which has hosts already."""
        url = codecommit_url(self._account.region, REPOSITORY)
        self.commands("service", "transfer", SERVICE, "--to", url, "--why", "the kit", codes=(0, 1))

    def roll_out(self, release: str) -> Ending:
        return self.commands.deploy(release)

    def roll_back(self) -> Ending:
        return self.commands.roll_back()

    def answer(self, question: str) -> Answer:
        caller = caller_name(self._caller)
        address = self._stacks.outputs(CLUSTER_STACK)["ServiceAddress"]
        return Probes(self._client, self._account, self.commands, caller, address).answer(question)

    def remove(self, part: Part) -> None:
        match part:
            case Part.NETWORK:
                self._stacks.delete(network.STACK)
            case Part.REPOSITORY:
                self._remove_repository()
            case Part.CONTROL_PLANE:
                self._stacks.empty_buckets()
                self._stacks.delete(names.CONTROL_PLANE_STACK)
            case Part.CLUSTER:
                self._stacks.delete(CLUSTER_STACK)
                if all(self._stacks.marked().values()):
                    self._stacks.delete_parameters()

    def _remove_repository(self) -> None:
        """Delete the repository if it has the mark. Deleting one that is gone is no error at CodeCommit."""
        codecommit = self._client("codecommit")
        try:
            arn = codecommit.get_repository(repositoryName=REPOSITORY)["repositoryMetadata"]["Arn"]
        except Exception as error:
            if code_of(error) == "RepositoryDoesNotExistException":
                return
            raise
        if MARK not in codecommit.list_tags_for_resource(resourceArn=arn)["tags"]:
            raise SmokeFailed(f"the repository {REPOSITORY} has no tag {MARK}: it is not the kit's own, and stays")
        codecommit.delete_repository(repositoryName=REPOSITORY)

    def left(self) -> Sequence[str]:
        """Return what is left after a while: the list of tags still has what was deleted a moment ago."""
        for _ in range(_SEARCHES):
            if not (found := self._stacks.left()):
                return []
            self.commands.sleep(_SEARCH_SECONDS)
        return found


def _pattern(arn: str) -> str:
    """Return the pattern of `callers` in cdk.json for a caller's ARN."""
    resource = arn.rpartition(":")[2]
    kind, _, rest = resource.partition("/")
    return f"{kind}/{rest.partition('/')[0]}/*" if kind == "assumed-role" else resource
