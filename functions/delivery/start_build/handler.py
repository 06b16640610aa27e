"""Start the build of one push; first state of statemachines/delivery.asl.json."""

import secrets
from datetime import UTC, datetime

from lifecycle.application.delivery.build import Started, refuse_start, start_build
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.delivery_events import StartBuild
from lifecycle.entrypoints.handler import entry


@entry(
    StartBuild,
    lambda given, why: refuse_start(bootstrap.catalogue(), bootstrap.audit_log(), given, why, datetime.now(UTC)),
)
def handle(event: StartBuild) -> Started:
    """Start the build, once for each execution, unless the head commit asks for none."""
    stores = bootstrap.builds(), bootstrap.catalogue(), bootstrap.audit_log()
    return start_build(*stores, event.push(), event.started, event.execution, secrets.token_hex(16))
