"""The text of the report: a table of stages, a host, and a month."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from tools.cost.definition import Rollout
from tools.cost.figures import Line, Phase, Prices, Share, besides_balancers

NOTES = """\
Counted in the templates and the state machine, and the same on AWS: memory, transitions, invocations.
Measured here: seconds, from Step Functions' call of a Lambda to its answer. A laptop's durations are not
Lambda's: processors, the network and cold starts differ, and stages poll up to every 2 s, here 0.02 s.
Agents start and test the service while a stage waits, so the service's own time is billed too.
Counted over the agent's own code: polls, reports and metrics at rest.
Not counted: a test bed's analyses, failed hosts, requests to DynamoDB, S3, SSM and the load balancer within
a rollout, those of converge and watch, builds, logs, data transfer, capacity units, EC2, and what is free."""


def stages(found: Mapping[str, Phase], rollout: Rollout, prices: Prices) -> Iterator[str]:
    """Yield a line for each phase that the rollout called."""
    yield (
        f"{'phase':<12} {'MB':>5} {'calls':>6} {'billed s':>9} {'median s':>9} {'GB-s':>8} {'USD a call':>12}"
        "  once for each"
    )
    for phase in found.values():
        of = "host" if phase.name in rollout.host_phases else "deployment"
        yield (
            f"{phase.name:<12} {phase.megabytes:>5} {len(phase.billed):>6} {phase.seconds:>9.3f}"
            f" {median(phase.billed):>9.3f} {phase.gb_seconds:>8.4f} {phase.dollars_a_call(prices):>12.9f}  {of}"
        )


def shares(host: Share, deployment: Share) -> Iterator[str]:
    """Yield a line for one more host, and one for a deployment without its hosts."""
    yield (
        f"{'':<16} {'transitions':>11} {'calls':>6} {'billed s':>9} {'GB-s':>8}"
        f" {'transitions USD':>16} {'Lambda USD':>12} {'USD':>12}"
    )
    for name, each in (("one more host", host), ("a deployment", deployment)):
        yield (
            f"{name:<16} {each.transitions:>11} {each.calls:>6} {each.seconds:>9.3f} {each.gb_seconds:>8.4f}"
            f" {each.transition_dollars:>16.9f} {each.lambda_dollars:>12.9f} {each.dollars:>12.9f}"
        )


def month(lines: Sequence[Line]) -> Iterator[str]:
    """Yield the lines of a month and their sum."""
    for line in lines:
        yield f"{line.what:<16} {line.dollars:>10.2f} USD  {line.quantity}"
    yield f"{'together':<16} {sum(line.dollars for line in lines):>10.2f} USD"
    yield f"{'without them':<16} {besides_balancers(lines):>10.2f} USD  without load balancers, and without EC2"
