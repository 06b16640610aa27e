"""Findings about an account, from its facts; pure. The order is that in which they are mended.

Called by commands/doctor.py. The sources are the pages of AWS that docs/aws-install.md names.
"""

import math
import re
from collections.abc import Iterator, Sequence

from apps.cli.doctor.facts import Facts, Unseen, Wanted, WantedCluster
from apps.cli.doctor.findings import Finding, Level, fine, mend, unseen, warning
from apps.cli.doctor.network import network
from apps.cli.doctor.stacks import names_taken, stacks
from lifecycle.aws_pages import console_domain
from lifecycle.domain.listing import counted, listed
from lifecycle.names import CONTROL_PLANE_STACK, cluster_stack

# The version that the synthesised stacks ask for ("requiresBootstrapStackVersion" in cdk.out/manifest.json).
BOOTSTRAP = 6
# AWS refuses a request whose time is five minutes off.
_SKEW_SECONDS, _REFUSED_SECONDS = 30.0, 240.0
# Lambda keeps this many executions for the functions without a reservation.
_UNRESERVED = 100
_AT_ONCE = 20  # executions at once of one rollout, the widgets of a console, and convergence

_NO_ACCOUNT = warning(
    "account",
    "this is the environment on this machine; most checks are about an account of AWS",
    "lifecycle doctor --profile NAME",
)
LAMBDA, BUILDS, VCPUS = "lambda-concurrency", "codebuild-builds", "ec2-vcpus"
_BALANCERS, _GROUPS = "application-load-balancers", "target-groups"
_TARGETS, _RULES = "targets-per-application-load-balancer", "rules-per-application-load-balancer"
_GROUPS_OF_A_CLUSTER = 3

_QUOTA = (
    "aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code} "
    "--desired-value {n}"
)
_CODES = {
    _BALANCERS: ("elasticloadbalancing", "L-53DA6B97"),
    _GROUPS: ("elasticloadbalancing", "L-B22855CB"),
    _TARGETS: ("elasticloadbalancing", "L-7E6692B2"),
    LAMBDA: ("lambda", "L-B99A9384"),
    VCPUS: ("ec2", "L-1216C47A"),
}


def findings(facts: Facts, wanted: Wanted) -> list[Finding]:
    """Return every finding; the facts that are in order are findings too."""
    if facts.emulated:  # nothing there has to be bootstrapped, allowed or raised
        return [*_clock(facts), *stacks(facts), *_agents(facts), _NO_ACCOUNT]
    clusters = _clusters(facts, wanted)
    found = [
        *_region(facts),
        *_clock(facts),
        *_rights(facts),
        *_bootstrap(facts),
        *stacks(facts),
        *names_taken(facts),
        *_quotas(facts, wanted, clusters),
        *network(facts, clusters),
        *_agents(facts),
    ]
    return [_with_profile(each, facts.profile) for each in found]


def must_mend(found: Sequence[Finding]) -> bool:
    """Return whether one of the findings has to be mended before Lifecycle works."""
    return any(each.level is Level.MEND for each in found)


def _with_profile(finding: Finding, profile: str) -> Finding:
    """Add the profile to a command of AWS's command line or of CDK."""
    if not profile or not finding.mend.startswith(("aws ", "npx aws-cdk ")):
        return finding
    return Finding(finding.topic, finding.level, finding.text, f"{finding.mend} --profile {profile}")


def _clusters(facts: Facts, wanted: Wanted) -> tuple[WantedCluster, ...]:
    """Return the clusters of cdk.json, and those whose Auto Scaling groups exist beside."""
    known = {each.name for each in wanted.clusters}
    found = () if isinstance(facts.groups, Unseen) else facts.groups
    return (*wanted.clusters, *(each for each in found if each.name not in known))


def _region(facts: Facts) -> Iterator[Finding]:
    status, region = facts.region_status, facts.region
    if isinstance(status, Unseen):
        yield unseen("region", f"whether {region} is enabled", status)
    elif status == "":
        yield mend(
            "region", f"{region} is no region that AWS knows", "aws ec2 describe-regions --query Regions[].RegionName"
        )
    elif status == "not-opted-in":
        yield mend(
            "region", f"{region} is not enabled in this account", f"aws account enable-region --region-name {region}"
        )
    else:
        yield fine("region", f"{region} is enabled")


def _clock(facts: Facts) -> Iterator[Finding]:
    ahead = facts.clock_ahead
    if isinstance(ahead, Unseen):
        yield unseen("clock", "this machine's clock against AWS's", ahead)
        return
    text = f"this machine's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} AWS's"
    if abs(ahead) >= _REFUSED_SECONDS:
        yield mend("clock", f"{text}; AWS refuses requests at five minutes", "sudo chronyc makestep")
    elif abs(ahead) >= _SKEW_SECONDS:
        yield warning("clock", text, "sudo chronyc makestep")
    else:
        yield fine("clock", "this machine's clock agrees with AWS's")


def _rights(facts: Facts) -> Iterator[Finding]:
    denied = facts.denied
    if isinstance(denied, Unseen):
        yield unseen("rights", f"the rights of {facts.caller}", denied)
    elif denied:
        actions = listed([f"{each.action} on {each.resource}" for each in denied])
        yield mend(
            "rights",
            f"{facts.caller} is not allowed {actions}",
            "use another profile, or ask an administrator for a policy that allows it",
        )
    else:
        yield fine("rights", f"{facts.caller} has the rights that were simulated")


def _bootstrap(facts: Facts) -> Iterator[Finding]:
    version, command = facts.bootstrap, f"npx aws-cdk bootstrap aws://{facts.account}/{facts.region}"
    if isinstance(version, Unseen):
        yield unseen("bootstrap", "the version of CDK's bootstrap stack", version)
    elif version == 0:
        yield mend("bootstrap", f"CDK is not bootstrapped in account {facts.account}, {facts.region}", command)
    elif version < BOOTSTRAP:
        yield mend("bootstrap", f"CDK's bootstrap stack has version {version}, and {BOOTSTRAP} is needed", command)
    else:
        yield fine("bootstrap", f"CDK's bootstrap stack has version {version}")


def _quotas(facts: Facts, wanted: Wanted, clusters: Sequence[WantedCluster]) -> Iterator[Finding]:
    new = _new(facts, wanted)
    if new and isinstance(facts.stacks, Unseen):
        yield unseen("quotas", f"what {listed([each.name for each in new])} still needs of the quotas", facts.stacks)
        new = ()
    fronts = [each for each in new if each.http]
    yield from _quota(facts, _BALANCERS, len(fronts), f"{len(fronts)} new load balancers")
    yield from _quota(facts, _GROUPS, _GROUPS_OF_A_CLUSTER * len(fronts), "three target groups for each new cluster")
    # While hosts bake they are in other groups of the same load balancer, never in two at once.
    largest = max((each.hosts for each in clusters if each.http), default=1)
    yield from _quota(facts, _TARGETS, largest, f"{largest} hosts of one cluster")
    yield from _quota(facts, _RULES, 1, "one rule of a listener")
    yield from _concurrency(facts, wanted)
    yield from _builds(facts)
    yield from _cpus(facts, new)


def _cpus(facts: Facts, new: Sequence[WantedCluster]) -> Iterator[Finding]:
    """Compare what the new hosts take of the virtual CPUs; without EC2's word, by the sizes of their types."""
    known = {} if isinstance(facts.cpus, Unseen) else facts.cpus
    if not isinstance(facts.cpus, Unseen):
        for each in (each for each in new if each.instance_type not in known):
            text = f"{each.name} has hosts of the type {each.instance_type}, which {facts.region} does not offer"
            yield mend("quotas", text, "aws ec2 describe-instance-types --query InstanceTypes[].InstanceType")
    needed = sum(each.hosts * known.get(each.instance_type, _cpus_by_size(each.instance_type)) for each in new)
    guessed = (
        f" by the sizes of their types (to be sure: {facts.cpus.needs})" if isinstance(facts.cpus, Unseen) else ""
    )
    what = f"{counted(sum(each.hosts for each in new), 'new host')}{guessed}"
    yield from _quota(facts, VCPUS, needed, what)


def _cpus_by_size(instance_type: str) -> int:
    """Return the virtual CPUs of a type by its size: 4 for each `xlarge`, and about 96 for a whole machine."""
    size = instance_type.partition(".")[2]
    if found := re.fullmatch(r"(\d*)xlarge", size):
        return 4 * int(found[1] or 1)
    return 96 if size.startswith("metal") else 2


def _new(facts: Facts, wanted: Wanted) -> Sequence[WantedCluster]:
    """Return the clusters of cdk.json with neither a stack nor an Auto Scaling group that the caller sees."""
    stacks = set() if isinstance(facts.stacks, Unseen) else set(facts.stacks)
    groups = set() if isinstance(facts.groups, Unseen) else {each.name for each in facts.groups}
    return [
        each
        for each in wanted.clusters
        if each.name not in groups and cluster_stack(each.environment, each.service) not in stacks
    ]


def _quota(facts: Facts, name: str, needed: int, what: str) -> Iterator[Finding]:
    limit = facts.limits.get(name, Unseen("", "AWS does not list it here"))
    if isinstance(limit, Unseen):
        yield unseen("quotas", f"the quota {name}", limit)
    elif limit.used + needed > limit.most:
        used = f"{limit.used} are used, and " if limit.used else ""
        text = f"the quota {name} is {limit.most}; {used}{what} need {needed}"
        yield mend("quotas", text, _increase(facts, name, limit.used + needed))
    else:
        yield fine("quotas", f"{name}: {limit.used} of {limit.most} used, {needed} more needed for {what}")


def _quotas_page(facts: Facts) -> str:
    return f"https://{console_domain(facts.partition)}/servicequotas/"


def _increase(facts: Facts, name: str, needed: int) -> str:
    if name not in _CODES:
        return f"ask for more of {name} at {_quotas_page(facts)}"
    service, code = _CODES[name]
    return _QUOTA.format(service=service, code=code, n=needed)


def _concurrency(facts: Facts, wanted: Wanted) -> Iterator[Finding]:
    limit = facts.limits.get(LAMBDA, Unseen("", "AWS does not list it here"))
    if isinstance(limit, Unseen):
        yield unseen("quotas", "Lambda's concurrency", limit)
        return
    begins = not isinstance(facts.stacks, Unseen) and CONTROL_PLANE_STACK not in facts.stacks
    reserved = wanted.webhook_concurrency if begins else 0
    if reserved and limit.most - limit.used - reserved < _UNRESERVED:
        yield mend(
            "quotas",
            f"Lambda's concurrency is {limit.most}, of which {limit.used} are reserved: with webhook_concurrency "
            f"{reserved} fewer than {_UNRESERVED} stay unreserved, which AWS refuses",
            f"npx aws-cdk deploy {CONTROL_PLANE_STACK} -c webhook_concurrency=0",
        )
    if limit.most - limit.used < _AT_ONCE:
        text = f"Lambda's concurrency is {limit.most}; a rollout beside an open console takes up to {_AT_ONCE}"
        yield warning("quotas", text, _increase(facts, LAMBDA, 1000))
    elif not reserved or limit.most - limit.used - reserved >= _UNRESERVED:
        yield fine("quotas", f"Lambda's concurrency is {limit.most}, of which {limit.used} are reserved")


def _builds(facts: Facts) -> Iterator[Finding]:
    limit = facts.limits.get(BUILDS, Unseen("", "AWS does not list it here"))
    where = f"{_quotas_page(facts)}home/services/codebuild/quotas"
    name = "Concurrently running builds for Linux/Small environment"
    if isinstance(limit, Unseen):
        yield unseen("quotas", "the quota of concurrent builds", limit)
    elif limit.most == 0:
        yield mend("quotas", "the account may run no build of Linux/Small", f"ask for more of {name} at {where}")
    elif limit.most == 1:
        text = "the account may run one build of Linux/Small at a time, so pushes wait for each other"
        yield warning("quotas", text, f"ask for more of {name} at {where}")
    else:
        yield fine("quotas", f"{limit.most} builds of Linux/Small may run at once")


def _agents(facts: Facts) -> Iterator[Finding]:
    agents = facts.agents
    if isinstance(agents, Unseen):
        yield unseen("agents", "the versions of agents", agents)
        return
    for cluster in sorted({each.cluster for each in agents}):
        hosts = [each for each in agents if each.cluster == cluster]
        environment, _, service = cluster.partition("/")
        if old := [each for each in hosts if each.unknown]:
            parts = listed(sorted({part for each in old for part in each.unknown}))
            yield warning(
                "agents",
                f"the agents of {listed([each.host for each in old])} of {cluster} are too old to know {parts}",
                f"npx aws-cdk deploy {cluster_stack(environment, service)}",
            )
        for each in hosts:
            ahead = each.clock_ahead or 0.0
            if not math.isfinite(ahead) or abs(ahead) >= _SKEW_SECONDS:
                text = f"the clock of {each.host} of {cluster} is {ahead:+.0f} s from AWS's"
                yield warning("agents", text, f"on {each.host}: sudo chronyc makestep")
    if agents and not any(each.unknown for each in agents):
        yield fine("agents", f"all {len(agents)} agents know what this command line knows")
