"""Planning: the order of a deployment's hosts, its checks, and its blockers.

Called by functions/rollout/plan before anything is touched, and by `lifecycle plan` to show it to an
operator.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lifecycle.domain.fleet.drift import drift_reason
from lifecycle.domain.fleet.host import unreachable_among
from lifecycle.domain.fleet.strays import NO_STRAYS, Strays
from lifecycle.domain.fleet.target_group import state_of
from lifecycle.domain.listing import counted, listed
from lifecycle.domain.rollout.balancer_settings import drain_seconds, settle_seconds
from lifecycle.domain.rollout.capacity import gets_requests, without_dead
from lifecycle.domain.rollout.deployment import Kind, Override, Request
from lifecycle.domain.rollout.describe_budget import budget_warning
from lifecycle.domain.rollout.earlier_environment import Verdict
from lifecycle.domain.rollout.epochs import Epochs
from lifecycle.domain.rollout.gates import first_host_decides, requester_refusal
from lifecycle.domain.rollout.passing import passing_blockers
from lifecycle.domain.rollout.plan_facts import Observed
from lifecycle.domain.rollout.planned_config import NO_CONFIG, PlannedConfig
from lifecycle.domain.rollout.policy_floor import PolicyFloor, owner
from lifecycle.domain.rollout.preflight import blockers, overridable_blockers, warnings
from lifecycle.domain.rollout.release import release_of
from lifecycle.domain.rollout.test_bed.hosts import no_test_bed_reason
from lifecycle.domain.service.commits import Changes, changes_between, taken_back
from lifecycle.domain.service.compare_link import compare_link
from lifecycle.domain.service.host_count import at_most
from lifecycle.domain.service.manifest import ReleaseCommand
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target

NO_ROLLBACK_TARGET = "none (no other version was verified here)"


@dataclass(frozen=True, slots=True)
class PlannedHost:
    """One host of a plan, in its order; `why` is its drift reason."""

    host: str
    zone: str
    installed: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a deployment. It may begin only when `blockers` is empty.

    `waits_for` is the deployment that it would wait for. `supersedes` is the pending deployment that it would
    replace. `warnings` are what an operator should know and need not change. `is_verified`: the version is the
    desired one, and a deployment that ended DONE wrote it. `desired_is_good`: the same of whatever is desired.
    `epochs` are those that the new one must exceed, beside the lease's. `drain_seconds` is how long a drain may take,
    and `settle_seconds` how long a host serves on after it.
    `strays` are targets of no host. `earlier` is the verdict of the environment that comes first.
    `changes` are the commits since the version that runs here, and `compare` is the address of a page about them.
    `config` says what changes in the configuration. `release` is the release command, if this deployment runs one.
    `policy` is the one that applies; `declared` is the manifest's where `floors` made it stricter. `goes_back`: a
    host ran a newer version, and takes this one only if its command says so. `overridable` are the blockers among
    `blockers` that a request may override. `passes`: nothing but time is needed until none is left. `undoes`:
    it is a rollback. `is_first`: nothing is desired yet.
    """

    target: Target
    previous: Target | None
    hosts: tuple[PlannedHost, ...]
    in_place: tuple[str, ...]
    checks: tuple[str, ...]
    expected_seconds: float
    expected_from: str
    blockers: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    waits_for: str = ""
    supersedes: str = ""
    is_verified: bool = False
    desired_is_good: bool = False
    epochs: Epochs = field(default_factory=Epochs)
    drain_seconds: int = 0
    settle_seconds: int = 0
    strays: Strays = NO_STRAYS
    earlier: Verdict | None = None
    changes: Changes | None = None
    compare: str = ""
    config: PlannedConfig = NO_CONFIG
    release: ReleaseCommand | None = None
    policy: Policy = field(default_factory=Policy)
    declared: Policy | None = None
    floors: tuple[PolicyFloor, ...] = ()
    goes_back: bool = False
    updates_all: bool = False
    overridable: tuple[Override, ...] = ()
    passes: bool = False
    undoes: bool = False
    is_first: bool = False

    def whose(self, setting: str) -> str:
        """Return which policy floor made a setting of the policy stricter, in words; empty where none did."""
        return owner(setting, self.declared or self.policy, self.floors)

    @property
    def rollback_words(self) -> str:
        """Return where a rollback of this deployment goes; empty for a rollback, which quarantines what it leaves."""
        if self.undoes:
            return ""
        if self.previous:
            return self.previous.in_words
        return "none (first deployment)" if self.is_first else NO_ROLLBACK_TARGET

    @property
    def nothing_to_do(self) -> bool:
        """Return whether no host needs an update. Its version may still have to be verified (`is_verified`)."""
        return not self.hosts and not self.blockers and not self.waits_for


def plan(request: Request, observed: Observed, now: datetime, heartbeat_timeout: timedelta) -> Plan:
    """Order the hosts that need the version, and list every reason not to begin.

    Hosts that get no requests come first, because taking them costs no capacity. Then come the others, the
    zones in turn, and last the unreachable ones. `heartbeat_timeout` is the longest age of a reachable
    agent's report.
    """
    target = observed.target
    members = sorted(observed.members(request))
    drift = {
        host: why
        for host in members
        if (why := drift_reason(observed.reports[host], state_of(observed.rotation, host), target))
    }
    again = _unverified(request, observed, [host for host in members if host not in drift])
    drift |= again
    order = _order(drift, observed, now, heartbeat_timeout, first=again)
    bake = _bake(request, observed)
    seconds, source = _expected(len(order), observed, bake)
    held = request.kind is Kind.DEPLOY and observed.lease.held_by_another(request.deployment, now)
    waiting = observed.waiting.request.deployment if observed.waiting else ""
    changes, compare = _changes(request, observed)
    older = [host for host in members if observed.reports[host].knows_newer(request.version)]
    policy, declared = observed.policy(request), observed.manifest.policy(request.environment)
    lasting, blocked = _nobody(request, observed), blockers(request, observed, order, now, heartbeat_timeout)
    passes = blocked and not lasting and passing_blockers(request, observed, order, now, heartbeat_timeout)
    return Plan(
        target=target,
        previous=observed.previous,
        hosts=tuple(PlannedHost(h, observed.reports[h].zone, observed.reports[h].installed, drift[h]) for h in order),
        in_place=tuple(host for host in members if host not in drift),
        checks=_checks(observed, bake),
        expected_seconds=seconds,
        expected_from=source,
        blockers=(*lasting, *blocked),
        warnings=(
            *warnings(request, observed, now, heartbeat_timeout),
            *_older_than_known(request, [h for h in older if observed.reports[h].installed != request.version]),
            *_budget_warning(request, observed, policy, len(members)),
        ),
        waits_for=observed.lease.deployment if held else "",
        supersedes=waiting if held and waiting != request.deployment else "",
        is_verified=observed.is_verified,
        desired_is_good=observed.desired_is_good,
        epochs=observed.epochs,
        drain_seconds=drain_seconds(request, observed.manifest, observed.settings),
        settle_seconds=settle_seconds(policy, observed.settings, settles=observed.settles),
        strays=observed.strays,
        earlier=observed.earlier,
        changes=changes,
        compare=compare,
        config=observed.config,
        release=release_of(request, observed.manifest),
        policy=policy,
        declared=declared if policy != declared else None,
        floors=observed.floors.in_force if policy != declared else (),
        goes_back=bool(older) or request.kind is Kind.ROLLBACK,
        updates_all=bool(again),
        overridable=_overridable(request, observed, now),
        passes=bool(passes),
        undoes=request.kind is Kind.ROLLBACK,
        is_first=observed.desired is None and not observed.nobodys,
    )


def _overridable(request: Request, observed: Observed, now: datetime) -> tuple[Override, ...]:
    """Return the blockers that this deployment has, and did not override."""
    if request.kind is not Kind.DEPLOY:
        return ()
    return tuple(each for each in overridable_blockers(request, observed, now) if each not in request.overrides)


def _budget_warning(request: Request, observed: Observed, policy: Policy, members: int) -> list[str]:
    """Return the warning about ELB's calls; a cluster without a load balancer needs none of them."""
    at_once = min(at_most(policy.max_unavailable, members), members)
    return budget_warning(request.cluster, at_once, observed.other_rollouts) if observed.settings.http else []


def _unverified(request: Request, observed: Observed, hosts: Collection[str]) -> dict[str, str]:
    """Return the hosts that have the version from a deployment that did not verify it, where the first host decides.

    A deployment that was aborted after its first host left it there. If it counted as updated, the next deployment
    would begin with another first host, until every host had a version that nobody approved.
    """
    decides = request.kind is Kind.DEPLOY and not request.only and first_host_decides(observed.policy(request))
    if not decides or observed.was_verified:
        return {}
    return dict.fromkeys(hosts, f"has {request.version}, which no deployment here verified")


def _older_than_known(request: Request, older: Sequence[str]) -> list[str]:
    """Return the warning about hosts that ran a newer version; everybody expects it of a rollback."""
    if not older or request.kind is Kind.ROLLBACK:
        return []
    return [f"{request.version} goes back: {listed(older)} ran a newer version"]


def _nobody(request: Request, observed: Observed) -> tuple[str, ...]:
    """Return why nobody could approve the deployment, as its requester is not known."""
    policy = observed.policy(request)
    declared = observed.manifest.policy(request.environment)
    whose = owner("approval_by_another", declared, observed.floors.known) or f"the policy of {request.cluster}"
    refused = requester_refusal(request, policy, whose)
    return (refused,) if refused else ()


def _changes(request: Request, observed: Observed) -> tuple[Changes | None, str]:
    """Return the commits since the version that runs here, or those that a rollback takes back, with their page."""
    new, before, other = observed.manifest, observed.replaced_version, observed.replaced
    if not before:
        return None, ""
    if other is None:
        return Changes(before, unknown=f"the manifest of {before} is gone"), ""
    if request.kind is Kind.ROLLBACK:
        return taken_back(before, new.history, other.history), compare_link(new.repository, new.commit, other.commit)
    found = changes_between(before, other.history, new.history)
    return found, compare_link(new.repository, other.commit, new.commit)


def _order(
    drift: Mapping[str, str],
    observed: Observed,
    now: datetime,
    heartbeat_timeout: timedelta,
    first: Collection[str] = (),
) -> list[str]:
    unreachable = unreachable_among(observed.reports, now, heartbeat_timeout)
    reachable = sorted(set(drift) - set(unreachable))
    answering = without_dead(observed.rotation, observed.reports, unreachable)
    idle = [host for host in reachable if not gets_requests(answering, host)]
    by_zone: dict[str, list[str]] = {}
    for host in sorted(set(reachable) - set(idle)):
        by_zone.setdefault(observed.reports[host].zone, []).append(host)
    interleaved = sorted((index, zone, host) for zone, hosts in by_zone.items() for index, host in enumerate(hosts))
    serving = sorted((host for _, _, host in interleaved), key=lambda host: host not in first)
    return idle + serving + [host for host in unreachable if host in drift]


def _bake(request: Request, observed: Observed) -> int:
    """Return for how many minutes the first host is compared with a control; 0 without a test bed."""
    impossible = no_test_bed_reason(
        observed.previous, len(observed.cluster_members), has_groups=observed.has_test_bed
    )
    wanted = request.kind is Kind.DEPLOY and not request.only
    return observed.policy(request).bake_minutes if wanted and not impossible else 0


def _checks(observed: Observed, bake: int) -> tuple[str, ...]:
    test, path = observed.manifest.self_test, observed.settings.health_path or observed.manifest.is_alive.path
    how = f"GET {test.path}" if test.path else f"run {test.command!r}"
    alive = f"is alive behind the load balancer: GET {path}"
    if not observed.settings.http:
        how = f"{how} before the service starts"
        alive = "is alive: its process runs, since a start whose self-test passed, and its agent is reachable"
    return (
        f"self-test on each host: {how}, within {test.timeout_seconds:g} s",
        alive,
        *((f"test bed: the first host beside a control, for {counted(bake, 'minute')}",) if bake else ()),
    )


def _expected(count: int, observed: Observed, bake: int) -> tuple[float, str]:
    """Return the expected seconds, and their source; a control counts as one host more."""
    if bake:
        seconds, source = _expected(count + 1, observed, 0)
        return seconds + bake * observed.minute.total_seconds(), f"{source}, and the test bed"
    updates = [each for each in observed.past if not each.release]
    took = sorted((a.finished_at - a.started_at).total_seconds() for a in updates if a.finished_at is not None)
    if took:
        source = "the last host" if len(took) == 1 else f"the median of the last {len(took)} hosts"
        return count * took[len(took) // 2], source
    run = observed.manifest.run
    worst = run.start_seconds + run.stop_seconds + observed.manifest.self_test.timeout_seconds
    worst += settle_seconds(Policy(), observed.settings, settles=observed.settles)
    return count * worst, "the sum of its timeouts, because nothing was deployed here before"
