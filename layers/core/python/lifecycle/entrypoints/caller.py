"""The person behind a command, as AWS says; and the line in the audit log about a command that was refused."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.logging import Logger
from pydantic import BaseModel

from lifecycle.application.refused_attempt import UNKNOWN, Refusal
from lifecycle.application.refused_attempt import record_refusal as write_refusal
from lifecycle.domain.errors import InvalidValue, LifecycleError, Refused
from lifecycle.domain.fleet.cluster import ENVIRONMENTS, Cluster, clusters_of_scope
from lifecycle.domain.identity import CONSOLE, is_proven, person, same_person
from lifecycle.domain.rollout.deployment import cluster_of
from lifecycle.entrypoints import bootstrap
from lifecycle.gateways.aws.callers import PROOF, command_digest
from lifecycle.names import CONSOLE_ROLE, Account, regional

if TYPE_CHECKING:
    from lifecycle.application.context import Context

_AUTHOR = ("by", "requested_by")

logger = Logger(child=True)


@dataclass(frozen=True, slots=True)
class Caller:
    """A person, and the ARN that AWS gave for their signature."""

    name: str
    arn: str

    def signs(self, kind: type[BaseModel], event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the event with this person as its author; raises Refused if it names another one."""
        for field in _AUTHOR:
            said = str(event.get(field) or self.name)
            if not same_person(said, self.name):
                raise Refused("the command", [f"it is given in the name of {said[:100]}, but {self.arn} signed it"])
        fields = {"by": self.name, "requested_by": self.name, "caller": self.arn}
        return {**unsigned(event), **{name: value for name, value in fields.items() if name in kind.model_fields}}


NOBODY = Caller(UNKNOWN, "")


def unsigned(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event without its proof."""
    return {name: value for name, value in event.items() if name != PROOF}


def of(event: Mapping[str, Any], context: Any, *, for_console: bool = False) -> Caller:
    """Return who gives a command; raises Refused where AWS does not confirm it, or it is no person.

    `for_console`: the function behind the console's buttons may give it too, and says who pressed.
    """
    digest = command_digest(str(context.function_name), unsigned(event))
    arn = bootstrap.callers().arn(event.get(PROOF) or {}, digest)
    account, allowed = bootstrap.account_of(context), bootstrap.allowed_callers()
    # The console of another region has a role of its own, and promotes there.
    console = regional(CONSOLE_ROLE, Account("", bootstrap.region_of(context.invoked_function_arn), account))
    if for_console and arn.partition(f"::{account}:")[2].startswith(f"assumed-role/{console}/"):
        return Caller(str(event.get("requested_by") or event.get("by") or CONSOLE)[:200], arn)
    return Caller(person(arn, account, allowed), arn)


def record_refusal(event: Mapping[str, Any], command: str, who: str, why: str) -> None:
    """Record who tried, in the audit log of each cluster that a refused command is about.

    A person whom AWS has named is always on record. Of all others, there are only so many entries a day.
    """
    what = f"refused: {command.removeprefix('lifecycle-')}"
    deployment = str(event.get("deployment", ""))
    try:
        context = bootstrap.context()
        named = who != NOBODY.name and is_proven(who)
        refusal = Refusal(what, who, why, deployment)
        write_refusal(context.audit_log, _clusters(context, event), refusal, context.clock.now(), named=named)
    except LifecycleError as error:  # the refusal is what the caller needs to know
        logger.warning("a refusal is not on record", extra={"reason": str(error)})


def _clusters(context: "Context", event: Mapping[str, Any]) -> Sequence[Cluster]:
    """Return the clusters that a command is about: each that its deployment, service, run or scope names.

    A deployment may be of another cluster than the one beside it, and then both count. A scope may be an
    environment or everything, or of no cluster. A command that names nothing may be about each.
    """
    deployment, service, scope = (str(event.get(name) or "") for name in ("deployment", "service", "scope"))
    named: dict[Cluster, None] = {}
    with suppress(InvalidValue):
        named[cluster_of(deployment)] = None
    environment = str(event.get("environment") or "production")
    for each in (environment,) if environment in ENVIRONMENTS else ENVIRONMENTS:
        with suppress(InvalidValue):
            named[Cluster(each, service)] = None
    if scope:
        named |= dict.fromkeys(clusters_of_scope(scope, context.registry.clusters()))
    with suppress(InvalidValue):
        named[Cluster.parse(scope)] = None
    if named:
        return list(named)
    if run := str(event.get("run") or ""):
        from lifecycle.application.delivery.services_of_run import clusters_of_run  # noqa: PLC0415 (it is rare)

        found = context.executions.earlier_run(run)
        return clusters_of_run(context.catalogue, run[:100], found.repository if found else "")
    return context.registry.clusters()
