"""The roles of operators, administrators and viewers.

Operators start and answer deployments; only phases change hosts. Administrators set the policy floors that operators
are held to.
"""

from aws_cdk import Fn
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.constructs import access
from infra.constructs.access import Statement
from infra.constructs.dashboard import VIEWS
from infra.constructs.grants import (
    GROUP_SETTINGS,
    LEDGER,
    LIST_METRICS,
    METRICS,
    READ_ALARMS,
    READ_SERVICE_LOGS,
    REGISTRY,
    RELEASES,
    SNAPSHOTS,
    START_DELIVERY,
    START_ROLLOUT,
    TARGETS,
    read_builds,
    read_dashboard,
    registry_list,
)
from lifecycle import names

# The phases that operators call. Each is a function of its own, so that a policy can exclude it. State machines
# and schedules call the others.
CALLED = (
    *("request", "promote", "decide", "approve", "repair", "freeze", "quarantine"),
    *("bind_hosts", "remove_host", "gc", "cancel_run", "transfer_service", "withdraw_release"),
    *("remove_service", "forget_cluster"),
)
_MACHINES = (names.machine_arn(names.ROLLOUT), names.machine_arn(names.DELIVERY))
_EXECUTIONS = (names.execution_arns(names.ROLLOUT), names.execution_arns(names.DELIVERY))
_RUNS = "executions are named after deployments and commits"


def _allowed(*, emulated: bool) -> tuple[Statement, ...]:
    return access.statements(
        reads=(
            *(LEDGER, REGISTRY, registry_list(emulated=emulated)),
            *(SNAPSHOTS, RELEASES, TARGETS, GROUP_SETTINGS),
        ),
        writes=(),
        may=(
            START_ROLLOUT,
            START_DELIVERY,
            Statement("List", ("states:ListExecutions",), _MACHINES),
            # No StopExecution: a decision ends a rollout, and keeps its records consistent.
            Statement("Watch", ("states:DescribeExecution", "states:GetExecutionHistory"), _EXECUTIONS, _RUNS),
            Statement("Call", ("lambda:InvokeFunction",), tuple(names.function_arn(phase) for phase in CALLED)),
            *read_builds(emulated=emulated),
            READ_SERVICE_LOGS,
        ),
    )


def _console(*more: str, emulated: bool) -> tuple[Statement, ...]:
    """Return the grants for the dashboard, its charts, the functions of its widgets, and `more` functions."""
    functions = (*(name for name, _, _ in VIEWS), *more)
    shown = tuple(names.function_arn(name) for name in functions)
    return (
        read_dashboard(emulated=emulated),
        *METRICS.read,
        LIST_METRICS,
        READ_ALARMS,
        Statement("Console", ("lambda:InvokeFunction",), shown),
    )


def _administers(*, emulated: bool) -> tuple[Statement, ...]:
    """Return the grants to set policy floors, and to read what they are compared with."""
    return (
        *access.statements(
            reads=(LEDGER, REGISTRY, registry_list(emulated=emulated), SNAPSHOTS, RELEASES), writes=(), may=()
        ),
        Statement("SetFloors", ("lambda:InvokeFunction",), (names.function_arn("set_policy"),)),
    )


def _trusted(*, emulated: bool) -> iam.IPrincipal:
    """Return the account's users, each in their own name.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html has the key. A role
    has no user's name, so none can chain into these. Another login's role is named in `callers` (infra/settings.py).
    """
    if emulated:  # on a laptop the account's root assumes the roles, in the name of the local user
        return iam.AccountRootPrincipal()
    own_name = {"StringEquals": {"sts:RoleSessionName": "${aws:username}"}}
    return iam.PrincipalWithConditions(iam.AccountRootPrincipal(), own_name)


class Operators(Construct):
    """The roles `lifecycle-operator`, `lifecycle-administrator` and `lifecycle-viewer`, which may only read.

    Each has a policy of its name. The account decides who may assume the roles, and each session bears the person's
    own name: commands and approvals count in that name.
    """

    def __init__(self, scope: Construct, construct_id: str, *, emulated: bool) -> None:
        super().__init__(scope, construct_id)
        self._trusted = _trusted(emulated=emulated)
        operates = (*_allowed(emulated=emulated), *_console("act", emulated=emulated))
        self.role, _ = self._role(
            "", names.OPERATOR, "Operate Lifecycle: start, answer and watch deployments", operates
        )
        administers = _administers(emulated=emulated)
        floors = "Set the policy floors of Lifecycle's clusters"
        _, self.administers = self._role("Administrator", names.ADMINISTRATOR, floors, administers)
        views = _console(emulated=emulated)
        self._role("Viewer", names.VIEWER, "Look at the console of Lifecycle, and press nothing", views)

    def _role(
        self, prefix: str, name: str, description: str, allowed: tuple[Statement, ...]
    ) -> tuple[iam.Role, iam.ManagedPolicy]:
        # A new description would replace the policy, which CloudFormation refuses for a fixed name.
        policy = iam.ManagedPolicy(
            self,
            f"{prefix}Policy",
            managed_policy_name=Fn.sub(names.regional(name)),
            description=description,
            document=access.document(allowed),
        )
        access.acknowledge(policy, allowed)
        role = iam.Role(
            self,
            f"{prefix}Role",
            role_name=Fn.sub(names.regional(name)),
            description=description,
            assumed_by=self._trusted,
            managed_policies=[policy],
        )
        return role, policy
