"""The log of the build of a run: followed live by watch/delivery.py, and shown whole by `lifecycle build --log`."""

from apps.cli.output.printer import Printer
from apps.cli.output.text import clean
from apps.cli.ports import Connection
from lifecycle.domain.errors import CallFailed, Unknown


class FollowedLog:
    """The lines of a run's build that were not shown yet."""

    def __init__(self, printer: Printer, connection: Connection, run: str) -> None:
        self._printer, self._connection, self._run = printer, connection, run
        self._build = self._position = ""

    def show_new(self, *, only_if_begun: bool = False) -> None:
        """Show the new lines; a log that cannot be read now is read at the next call.

        `only_if_begun`: nothing is shown of a log whose begin was not shown.
        """
        if only_if_begun and not self._position:
            return
        try:
            self._show_new()
        except CallFailed as error:
            if not error.temporary:
                raise

    def show_all(self) -> None:
        """Show the log from its begin; raise Unknown for a run without a build."""
        self._show_new()
        if not self._build:
            raise Unknown("build", hint="The run has started none.", of=self._run)

    def _show_new(self) -> None:
        self._build = self._build or self._connection.runs.build(self._run)
        if not self._build:
            return
        lines, self._position = self._connection.build_logs.read(self._build, self._position)
        for line in lines:
            text = clean(line)
            self._printer.event({"event": "log", "run": self._run, "text": text})
            self._printer.line(f"    | {text}")
