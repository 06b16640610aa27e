"""A phase: a folder functions/<capability>/<phase>, a Lambda, and a role with exactly the listed access."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.constructs import access
from infra.constructs.access import Access, Statement
from lifecycle import names

MEMORY_MB = 256

# A stage waits up to 14 minutes for its host, and then fails (LONGEST_WAIT of application/rollout/stages.py).
STAGE_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Shared:
    """The parts that all phases share: the root of their folders, the layers and the environment."""

    functions: Path
    layers: tuple[lambda_.ILayerVersion, ...]
    environment: Mapping[str, str]


class Phase(Construct):
    """`Phase(self, shared, "promote", reads=[SNAPSHOTS], writes=[LEDGER, RELEASES])`.

    `reads` and `writes` list accesses, and `may` lists single statements. `seconds` is the Lambda's timeout,
    `megabytes` its memory. `at_once` reserves so many executions, and is their limit; 0 does neither.
    """

    def __init__(
        self,
        scope: Construct,
        shared: Shared,
        name: str,
        *,
        reads: Iterable[Access] = (),
        writes: Iterable[Access] = (),
        may: Iterable[Statement] = (),
        seconds: int = 60,
        megabytes: int = MEMORY_MB,
        at_once: int = 0,
    ) -> None:
        super().__init__(scope, "".join(part.title() for part in name.split("_")))
        allowed = (_log(name), *access.statements(reads, writes, may))
        # Promote knows the console's buttons by their role.
        own_name = names.regional(names.CONSOLE_ROLE) if name == "act" else None
        self.role = access.service_role(
            self, "lambda", f"Permissions of the phase {name}", "phase", allowed, name=own_name
        )
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=names.function(name),
            description=f"Lifecycle: the phase {name}",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.X86_64,
            handler="handler.handle",
            code=lambda_.Code.from_asset(_folder(shared.functions, name), exclude=["__pycache__", "*.pyc"]),
            layers=list(shared.layers),
            memory_size=megabytes,
            timeout=Duration.seconds(seconds),
            reserved_concurrent_executions=at_once or None,
            environment={**shared.environment, "POWERTOOLS_SERVICE_NAME": name},
            role=self.role.without_policy_updates(),
            log_group=logs.LogGroup(
                self,
                "Log",
                log_group_name=names.function_log(name),
                retention=logs.RetentionDays.ONE_MONTH,
                removal_policy=RemovalPolicy.DESTROY,
            ),
        )


def _folder(functions: Path, name: str) -> str:
    found = sorted(functions.glob(f"*/{name}/handler.py"))
    if len(found) != 1:
        expected = functions / "<capability>" / name / "handler.py"
        raise SystemExit(f"the phase {name} has {len(found)} folders of code; it needs exactly one, {expected}")
    return str(found[0].parent)


def _log(name: str) -> Statement:
    group = names.arn("logs", f"log-group:{names.function_log(name)}")
    return Statement(
        "Log",
        ("logs:CreateLogStream", "logs:PutLogEvents"),
        (f"{group}:*",),
        "a log stream's name is chosen by Lambda when it starts",
    )
