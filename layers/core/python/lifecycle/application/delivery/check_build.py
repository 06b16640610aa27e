"""The state of a build, as its run reads it again and again until the build has ended.

Called by functions/delivery/check_build, in statemachines/delivery.asl.json.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from lifecycle.application.delivery.build import NO_SOURCES, Sources, service_of, superseded_run
from lifecycle.application.delivery.receive_push import Push
from lifecycle.application.ports.builds import Builds, BuildState
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.ports.clock import Clock
from lifecycle.domain.delivery.repository import LONGEST_SOURCE
from lifecycle.domain.delivery.service_folder import service_folder
from lifecycle.domain.errors import InvalidValue
from lifecycle.domain.fleet.cluster import service_name
from lifecycle.domain.foreign_json import parse_object
from lifecycle.domain.listing import listed
from lifecycle.domain.refused_limits import shown

_LOOK_AGAIN_SECONDS = 0.1
_BRANCH_AGAIN = timedelta(seconds=1)
# An execution has at most 262,144 bytes of state. The folders of 50 services are the most that a build has to say.
_LONGEST = 32_768
_LONGEST_TEXT = 4_000


@dataclass(frozen=True, slots=True)
class Checked:
    """The state of a build.

    RUNNING, FAILED with a reason, or SUCCEEDED with the version that it uploaded below the key `upload`. SEVERAL has
    the `services` (by name, their folders) that need runs of their own. NOTHING, with a reason, means that the push
    changed no service.
    """

    kind: str
    reason: str
    service: str = ""
    version: str = ""
    sources: Sources = NO_SOURCES
    services: Mapping[str, str] = field(default_factory=dict)
    upload: str = ""
    superseded: str = ""


def check_build(
    builds: Builds, catalogue: Catalogue, push: Push, build: str, execution: str, clock: Clock, look: timedelta
) -> Checked:
    """Read the state of a build, for as long as `look` until it ends; end it if a later push has superseded it.

    A person who repeats a build gets it.
    """
    branch_at = clock.now()
    until = branch_at + look
    while True:
        state, now = builds.state(build), clock.now()
        may_end = state.stopped or (state.kind == "RUNNING" and now >= branch_at)
        if may_end and not push.again and (why := _ends(catalogue, push, execution)):
            builds.stop(build)
            return Checked("NOTHING", f"the build was ended: {why}", superseded=why)
        if state.kind != "RUNNING" or now >= until:
            return checked(state)
        branch_at = now + _BRANCH_AGAIN if may_end else branch_at
        clock.sleep(_LOOK_AGAIN_SECONDS)


def checked(state: BuildState) -> Checked:
    """Return what a build's state says, and what it exported."""
    service, version, upload, details = (
        state.exported.get(f"LIFECYCLE_{name}", "") for name in ("SERVICE", "VERSION", "UPLOAD", "DETAILS")
    )
    if state.kind == "SUCCEEDED" and (
        long := [name for name, text in state.exported.items() if len(text) > _LONGEST]
    ):
        return Checked("FAILED", f"the build exported {listed(sorted(long))} of more than {_LONGEST} characters")
    if state.kind != "SUCCEEDED" or not details:
        return Checked(state.kind, state.reason, service, version, upload=upload)
    try:
        return replace(_detailed(state.reason, service, version, parse_object(details)), upload=upload)
    except (AttributeError, KeyError, TypeError, ValueError, InvalidValue) as error:
        return Checked("FAILED", f"the build exported LIFECYCLE_DETAILS that cannot be read: {error!r:.300}")


def _detailed(reason: str, service: str, version: str, found: Mapping[str, Any]) -> Checked:
    unchanged = shown(str(found.get("unchanged", "")), _LONGEST_TEXT)
    if services := found.get("services"):
        folders = {service_name(name): service_folder(folder) for name, folder in services.items()}
        return Checked("SEVERAL", reason, sources=Sources(unchanged=unchanged), services=folders)
    if nothing := found.get("nothing"):
        return Checked("NOTHING", shown(str(nothing), _LONGEST_TEXT), sources=Sources(unchanged=unchanged))
    source = str(found["source"])
    if len(source) > LONGEST_SOURCE or not source.isascii() or not source.isprintable():
        raise InvalidValue("name of sources", shown(source, LONGEST_SOURCE), f"at most {LONGEST_SOURCE} in ASCII")
    sources = Sources(service_folder(found["folder"]), source, unchanged)
    return Checked("SUCCEEDED", reason, service, version, sources)


def _ends(catalogue: Catalogue, push: Push, execution: str) -> str:
    """Return why a running build ends. It counts as dropped first, so a push back to its commit builds it."""
    branch = catalogue.branch(push.repository, push.branch)
    if not branch.ends_build(push.commit, service_of(execution), push.folder):
        return ""
    return superseded_run(catalogue, push, execution)
