"""What an operator may do: start runs, answer them, and read; everything that changes a host is a phase's to do."""

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra import names
from infra.constructs import access
from infra.constructs.access import Statement
from infra.constructs.grants import (
    HEALTH_PATHS,
    LEDGER,
    REGISTRY,
    RELEASES,
    SNAPSHOTS,
    START_DELIVERY,
    START_ROLLOUT,
    TARGETS,
    registry_list,
    see_builds,
)

# What a person calls by name, each a function of its own, so that a policy can leave one out; the other phases
# are the state machines' and the schedule's.
CALLED = ("promote", "decide", "approve", "converge", "freeze", "quarantine", "remove_host", "gc")
_MACHINES = (names.machine_arn(names.ROLLOUT), names.machine_arn(names.DELIVERY))
_EXECUTIONS = (names.execution_arns(names.ROLLOUT), names.execution_arns(names.DELIVERY))
_RUNS = "executions are named after deployments and commits"


def _allowed(*, emulated: bool) -> tuple[Statement, ...]:
    return access.statements(
        reads=(
            *(LEDGER, REGISTRY, registry_list(emulated=emulated)),
            *(SNAPSHOTS, RELEASES, TARGETS, HEALTH_PATHS),
        ),
        writes=(),
        may=(
            START_ROLLOUT,
            START_DELIVERY,
            Statement("List", ("states:ListExecutions",), _MACHINES),
            # No StopExecution: a rollout is ended by a decision, which leaves its records in order.
            Statement(
                "Watch", ("states:DescribeExecution", "states:GetExecutionHistory"), _EXECUTIONS, _RUNS
            ),
            Statement(
                "Call", ("lambda:InvokeFunction",), tuple(names.function_arn(phase) for phase in CALLED)
            ),
            *see_builds(emulated=emulated),
        ),
    )


class Operators(Construct):
    """The managed policy `lifecycle-operator`, and a role of that name for whoever the account lets assume it."""

    def __init__(self, scope: Construct, construct_id: str, *, emulated: bool) -> None:
        super().__init__(scope, construct_id)
        allowed = _allowed(emulated=emulated)
        policy = iam.ManagedPolicy(
            self,
            "Policy",
            managed_policy_name=names.OPERATOR,
            description="Operate Lifecycle: start, answer and watch deployments",
            document=access.document(allowed),
        )
        access.acknowledge(policy, allowed)
        self.role = iam.Role(
            self,
            "Role",
            role_name=names.OPERATOR,
            description="Operates Lifecycle",
            assumed_by=iam.AccountRootPrincipal(),
            managed_policies=[policy],
        )
