"""An account in memory, for `lifecycle doctor`: the facts that a test gives it."""

from dataclasses import dataclass, field

from apps.cli.doctor.checks import BUILDS, LAMBDA, VCPUS
from apps.cli.doctor.facts import Facts, Limit, StackState, Wanted

OPERATOR = "arn:aws:iam::123456789012:user/ada"


def healthy() -> Facts:
    """Return the facts of an account in which Lifecycle is installed, with nothing to mend."""
    return Facts(
        caller=OPERATOR,
        account="123456789012",
        region="eu-west-1",
        bootstrap=21,
        stacks={name: StackState("CREATE_COMPLETE") for name in ("CDKToolkit", "lifecycle")},
        limits={
            "application-load-balancers": Limit(50, 1),
            "target-groups": Limit(3000, 3),
            "targets-per-application-load-balancer": Limit(1000),
            "rules-per-application-load-balancer": Limit(100),
            LAMBDA: Limit(1000, 10),
            BUILDS: Limit(20),
            VCPUS: Limit(32, 4),
        },
        cpus={"t3.small": 2, "m5.4xlarge": 16},
    )


@dataclass
class MemoryAccount:
    """Answers with `known`; raises `fails` instead, if it is set, as a profile that reaches nothing does."""

    known: Facts = field(default_factory=healthy)
    fails: Exception | None = None

    def facts(self, wanted: Wanted) -> Facts:
        del wanted
        if self.fails:
            raise self.fails
        return self.known
