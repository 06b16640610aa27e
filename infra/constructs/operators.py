"""Who operates, and who only looks: start runs, answer them, and read; what changes a host is a phase's to do."""

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.constructs import access
from infra.constructs.access import Statement
from infra.constructs.dashboard import VIEWS
from infra.constructs.grants import (
    HEALTH_PATHS,
    LEDGER,
    LIST_METRICS,
    METRICS,
    REGISTRY,
    RELEASES,
    SEE_ALARMS,
    SNAPSHOTS,
    START_DELIVERY,
    START_ROLLOUT,
    TARGETS,
    registry_list,
    see_builds,
    see_dashboard,
)
from lifecycle import names

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


def _console(*pressed: str, emulated: bool) -> tuple[Statement, ...]:
    """The dashboard, what it draws itself, and its widgets' functions; `pressed` too."""
    functions = (*(name for name, _, _ in VIEWS), *pressed)
    shown = tuple(names.function_arn(name) for name in functions)
    return (
        see_dashboard(emulated=emulated),
        *METRICS.read,
        LIST_METRICS,
        SEE_ALARMS,
        Statement("Console", ("lambda:InvokeFunction",), shown),
    )


class Operators(Construct):
    """The managed policies `lifecycle-operator` and `lifecycle-viewer`, who may look at the dashboard and no more.

    And a role of each name, for whoever the account lets assume it.
    """

    def __init__(self, scope: Construct, construct_id: str, *, emulated: bool) -> None:
        super().__init__(scope, construct_id)
        operates = (*_allowed(emulated=emulated), *_console("act", emulated=emulated))
        self._role("", names.OPERATOR, "Operate Lifecycle: start, answer and watch deployments", operates)
        views = _console(emulated=emulated)
        self._role("Viewer", names.VIEWER, "Look at the console of Lifecycle, and press nothing", views)

    def _role(self, prefix: str, name: str, told: str, allowed: tuple[Statement, ...]) -> None:
        policy = iam.ManagedPolicy(
            self,
            f"{prefix}Policy",
            managed_policy_name=name,
            description=told,
            document=access.document(allowed),
        )
        access.acknowledge(policy, allowed)
        iam.Role(
            self,
            f"{prefix}Role",
            role_name=name,
            description=told,
            assumed_by=iam.AccountRootPrincipal(),
            managed_policies=[policy],
        )
