"""Resolve what an operator typed: a version, a cluster, a deployment or a run.

Used by the commands before they show or start anything.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from apps.cli.errors import Ambiguous, NoDeployment
from apps.cli.known_names import check_version, known_services, unknown_service
from apps.cli.options import Environment
from apps.cli.output.text import names_or_none
from apps.cli.ports import Connection, Run
from lifecycle.application.delivery.heads import head_of
from lifecycle.application.readable import readable
from lifecycle.domain.delivery.delivery_name import DeliveryName
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.fleet.cluster import ENVIRONMENTS, Cluster, service_name
from lifecycle.domain.rollout.decision import Question, QuestionKind, open_questions
from lifecycle.domain.rollout.deployment import Deployment, cluster_of
from lifecycle.domain.service.version import ReleaseVersion, SnapshotVersion
from lifecycle.domain.service.withdrawal import Withdrawal, done, not_withdrawn

_DEPLOYMENT = re.compile(r"[a-z0-9-]+-(?:staging|production)-\d{14}-[0-9a-z]+")
_COMMIT = re.compile(r"[0-9a-f]{4,40}")
_MOST_NAMES = 5  # in a message about an unknown name


def is_deployment(text: str) -> bool:
    """Return True for a deployment's name."""
    return bool(_DEPLOYMENT.fullmatch(text))


def is_run(text: str) -> bool:
    """Return True for a delivery's name: repository, commit, and a number where the build was repeated."""
    return DeliveryName.parse(text) is not None


def run_base(name: str) -> str:
    """Return a delivery's name without the number of a repeated build."""
    found = DeliveryName.parse(name)
    return found.first if found else name


def run_named(connection: Connection, text: str) -> Run:
    """Return a delivery by its name, or the newest of its repository, else of its commit; raises Unknown.

    The first four digits of a commit are enough.
    """
    if is_run(text) and (found := connection.runs.delivery(text)):
        return found
    newest_first = [run.name for run in connection.runs.deliveries(running=False)]
    if (name := _first_match(newest_first, text)) and (found := connection.runs.delivery(name)):
        return found
    raise _unknown_run(newest_first, text)


def _unknown_run(newest_first: Sequence[str], text: str) -> Unknown:
    """Return the error, whose known names are the newest runs, and their repositories or services if one is meant."""
    parsed = [run for name in newest_first if (run := DeliveryName.parse(name))]
    others = list(dict.fromkeys(each for run in parsed for each in (run.service or run.repository, run.repository)))
    known = others if get_close_matches(text, others, 1, 0.7) else newest_first[:_MOST_NAMES]
    return Unknown("run", text, "A push starts a run.", known=known)


def _first_match(names: Sequence[str], text: str) -> str:
    """Return the first of these runs whose name, else repository, else commit is `text`; empty for none."""
    runs = {name: run for name in names if (run := DeliveryName.parse(name))}
    exact = DeliveryName.parse(text)
    named = [name for name, run in runs.items() if run == exact or run.delivers(text)]
    if named or not _COMMIT.fullmatch(text):
        return next(iter(named), "")
    return next((name for name, run in runs.items() if run.commit.startswith(text)), "")


def clusters_of(service: str) -> list[Cluster]:
    """Return a service's clusters, production first; raises InvalidName."""
    return [Cluster(environment, service_name(service)) for environment in reversed(ENVIRONMENTS)]


def known_clusters(connection: Connection, service: str = "") -> list[Cluster]:
    """Return the clusters that exist, or those of one service; raises Unknown when it has none."""
    every = list(connection.context.registry.clusters())
    if not service:
        return every
    mine = [cluster for cluster in every if cluster.service == service_name(service)]
    if not mine:
        known = sorted({cluster.service for cluster in every})
        raise Unknown("service", service, "Deploy a cluster stack for it first.", known=known)
    return mine


def existing_cluster(connection: Connection, service: str, environment: Environment) -> Cluster:
    """Return the cluster; raises Unknown if it does not exist."""
    cluster = Cluster(environment.value, service_name(service))
    every = known_clusters(connection)
    if cluster not in every:
        raise Unknown("cluster", str(cluster), known=map(str, every))
    return cluster


def unknown_version(connection: Connection, kind: str, service: str) -> Unknown:
    """Return the error for a service without any version of this kind: nothing was pushed, or it is unknown."""
    if service not in (known := known_services(connection)):
        return unknown_service(connection, service)
    hint = f"Known services: {names_or_none(known)}. Push a commit, then see `{connection.command('watch')}`."
    return Unknown(kind, hint=hint, of=service)


def head_snapshot(connection: Connection, service: str) -> str:
    """Return the snapshot of its branch's head, which an automatic staging serves; raises Unknown.

    Raises Refused where there is none, or where nobody knows the head. After a force-push the newest one is another.
    """
    every = connection.catalogue.snapshots(service_name(service))
    found = not_withdrawn(every, withdrawn_versions(connection, service))
    if not found:
        raise unknown_version(connection, "snapshot", service)
    head = head_of(connection.catalogue, service, found)
    if head.snapshot:
        return head.snapshot
    raise _no_head(connection, service, found, head.branches)


def _no_head(connection: Connection, service: str, found: Collection[str], heads: Sequence[str]) -> Refused:
    newest = sorted(found, key=lambda each: (SnapshotVersion.parse(each).built, each), reverse=True)
    head = f"{' and '.join(heads)}, which has no snapshot" if heads else "nobody knows the head of its branch"
    build = f"or build the head with `{connection.command(f'build --head {service}')}`"
    names = f"name one of its snapshots, the newest of which are {', '.join(newest[:_MOST_NAMES])}, {build}"
    return Refused(f"the choice of a snapshot of {service}", [f"{head}: {names}"])


def newest_release(connection: Connection, service: str) -> str:
    """Return the highest release that was not withdrawn; raises Unknown."""
    found = not_withdrawn(
        connection.catalogue.releases(service_name(service)), withdrawn_versions(connection, service)
    )
    if not found and not connection.catalogue.snapshots(service):
        raise unknown_version(connection, "release", service)
    if not found:
        raise Unknown("release", hint=f"Make one: `{connection.command(f'promote {service}')}`.", of=service)
    return max(found, key=ReleaseVersion.parse)


def withdrawn_versions(connection: Connection, service: str) -> Mapping[str, Withdrawal]:
    """Return the withdrawn versions. One whose record cannot be read counts as withdrawn."""
    return done(readable(lambda: connection.catalogue.withdrawals(service), {})[0])


def version_for(connection: Connection, cluster: Cluster, text: str, *, keep: bool = False) -> str:
    """Return the named version, else the newest release for production, the head's snapshot for staging.

    With `keep` and no name, that is the version which is desired now.
    """
    if text:
        return check_version(connection, cluster.service, text)
    if keep:
        if (desired := connection.context.registry.desired(cluster)) is None:
            raise Refused(f"the configuration of {cluster}", ["nothing is deployed there yet: name a VERSION"])
        return desired.version
    if cluster.environment == "production":
        return newest_release(connection, cluster.service)
    return head_snapshot(connection, cluster.service)


@dataclass(frozen=True, slots=True)
class PendingQuestion:
    """A deployment that waits for a person, and its pending decision."""

    deployment: Deployment
    question: Question


def lease_holder(connection: Connection, cluster: Cluster) -> Deployment | None:
    """Return the deployment that has the cluster's lease, once it is planned."""
    lease = connection.context.leases.current(cluster)
    return connection.context.deployments.get(cluster, lease.deployment) if lease.deployment else None


def deployment_named(connection: Connection, text: str) -> Deployment:
    """Return a deployment by its name; raises Unknown."""
    cluster = cluster_of(text)
    if found := connection.context.deployments.get(cluster, text):
        return found
    raise unknown_deployment(connection, cluster, text)


def unknown_deployment(connection: Connection, cluster: Cluster, name: str) -> Unknown:
    """Return the error for a deployment without a record, which names the newest of its cluster."""
    if cluster.service not in known_services(connection):
        return unknown_service(connection, cluster.service)
    recent, _ = readable(lambda: connection.context.deployments.recent_without_hosts(cluster, _MOST_NAMES), ())
    history = connection.command(f"history {cluster.service}")
    return Unknown("deployment", name, f"See `{history}`.", known=[each.id for each in recent])


def _readable_questions(connection: Connection, deployment: Deployment) -> Sequence[Question]:
    return readable(lambda: connection.context.deployments.questions(deployment.id), ())[0]


def pending_question(connection: Connection, text: str, environment: str, wanted: QuestionKind) -> PendingQuestion:
    """Return the one deployment that waits for what is `wanted`; raises Unknown, Ambiguous, NoDeployment."""
    candidates = deployments_named(connection, text, environment)
    found = [
        PendingQuestion(each, question)
        for each in candidates
        for question in open_questions(each, _readable_questions(connection, each))
        if question.kind is wanted
    ]
    if len(found) > 1:
        names = ", ".join(each.deployment.id for each in found)
        raise Ambiguous(f"more than one deployment waits for {wanted.in_words}: name one of {names}")
    if not found:
        states = _states(connection, text, candidates)
        raise NoDeployment(f"no deployment of {text} waits for {wanted.in_words}. {states}")
    return found[0]


def deployments_named(connection: Connection, text: str, environment: str) -> list[Deployment]:
    """Return the named deployment, or the holders of the leases of a service's clusters; raises Unknown."""
    if is_deployment(text):
        return [deployment_named(connection, text)]
    clusters = [Cluster(environment, service_name(text))] if environment else clusters_of(text)
    found = [holder for cluster in clusters if (holder := lease_holder(connection, cluster))]
    if not found and environment:
        existing_cluster(connection, text, Environment(environment))  # raises Unknown for one that does not exist
    elif not found:
        known_clusters(connection, text)  # the same for a service
    return found


def running_deployment(connection: Connection, text: str, environment: str) -> Deployment:
    """Return the one deployment that has not ended; raises Unknown, Ambiguous, NoDeployment."""
    candidates = deployments_named(connection, text, environment)
    found = [each for each in candidates if not each.state.final]
    if len(found) > 1:
        raise Ambiguous(f"more than one deployment runs: name one of {', '.join(each.id for each in found)}")
    if not found:
        raise NoDeployment(f"no deployment of {text} is running. {_states(connection, text, candidates)}")
    return found[0]


def _states(connection: Connection, text: str, candidates: Sequence[Deployment]) -> str:
    states = "; ".join(f"{each.id} is {each.state}" for each in candidates) or "Nothing is being deployed"
    service = candidates[0].cluster.service if candidates else text
    return f"{states}. See `{connection.command(f'status {service}')}`."
