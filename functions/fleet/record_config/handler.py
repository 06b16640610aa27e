"""Record the names of a configuration's next revision, before `lifecycle config` writes the values."""

from lifecycle.application.fleet.record_config import RecordedConfig, record_config
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import RecordConfig
from lifecycle.entrypoints.handler import command


@command(RecordConfig)
def handle(event: RecordConfig) -> RecordedConfig:
    """Record the names of a revision, unless its number is recorded already."""
    context = bootstrap.context()
    return record_config(context, event.revision_at(context.clock.now()), replace=event.replace)
