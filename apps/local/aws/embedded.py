"""The emulator, made to remember: run by emulator.py with the emulator's own Python, in place of `-m ministack`.

By itself it writes its state when it ends politely, and S3 objects when they are put. A SIGKILL would lose the
rest, so here a snapshot of everything is taken on request (`POST /_lifecycle/keep`, after each deployment), and
what changes between snapshots is appended to a journal before it is answered: DynamoDB, SSM and ELBv2 writes as
requests, to be made again; role sessions and executions as records. A start reads the snapshot, then the
journal. Executions that ran are FAILED then, as the emulator has it after any restart. Nothing is synced to the
disk, so this outlives the process, not the machine.

What is streamed from a table is not kept by the emulator: what the journal makes again is streamed again, so who
reads the stream may hear of a change twice. And an alarm looks at its own dimensions here; the emulator's does not.
"""
# ruff: noqa: SLF001  (the emulator has no public way to any of this; tests/local/environment/test_persistence.py guards it)

import importlib
import json
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NoReturn, TextIO, TypeAlias
from urllib.parse import parse_qs

KEEP = "/_lifecycle/keep"
LARGEST_JOURNAL = 16 * 1024**2
# How long a stream remembers. AWS's day would keep every heartbeat of every agent in memory; functions read at once.
STREAM_SECONDS = 600
# The emulator keeps each value of a metric for two weeks, in memory, and goes through all of them at every call.
METRICS_SECONDS = 6 * 3600
# The services whose requests are made again, and the first words of their actions that change nothing.
REQUESTS = ("dynamodb", "ssm", "elasticloadbalancing")
_READS = ("Get", "Query", "Scan", "Describe", "List", "BatchGet", "TransactGet")
_MODULES = {"dynamodb": "dynamodb", "ssm": "ssm", "elasticloadbalancing": "alb"}
_HEADERS = ("x-amz-target", "content-type")

Handler: TypeAlias = Callable[..., Awaitable[Any]]


def action(headers: dict[str, str], body: bytes) -> str:
    """The name of what is asked for: a header's end for JSON services, a form's field for ELBv2."""
    if target := headers.get("x-amz-target"):
        return target.rpartition(".")[2]
    return parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]


def changes(name: str) -> bool:
    """Whether an action may change something."""
    return not name.startswith(_READS)


class Store:
    """The snapshot and the journal that goes on from it, in a folder of their own; `current` names the pair."""

    def __init__(self, home: Path) -> None:
        self._home = home
        home.mkdir(parents=True, exist_ok=True)
        named = home / "current"
        self.number = int(named.read_text()) if named.exists() else 0
        self._journal = self._opened()

    def journal(self, number: int) -> Path:
        return self._home / f"journal-{number}.jsonl"

    def snapshot(self, number: int) -> Path:
        return self._home / f"snapshot-{number}"

    @property
    def is_long(self) -> bool:
        return self._journal.tell() > LARGEST_JOURNAL

    def append(self, kind: str, told: Any) -> None:
        """Hand one line to the system; what was handed over outlives this process."""
        self._journal.write(json.dumps([kind, told]) + "\n")

    def entries(self) -> list[tuple[str, Any]]:
        """The journal so far."""
        lines = self.journal(self.number).read_text().splitlines()
        return [(kind, told) for kind, told in map(json.loads, lines)]

    def close(self) -> None:
        self._journal.close()

    def _opened(self) -> TextIO:
        """The journal to append to, without a last line that a crash cut off: that was answered to nobody."""
        file = self.journal(self.number)
        if file.exists():
            os.truncate(file, file.read_bytes().rfind(b"\n") + 1)
        return file.open("a", buffering=1)

    def move_on(self) -> None:
        """From now on the next snapshot, which is whole, and an empty journal."""
        old, self.number = self.number, self.number + 1
        self.close()
        self._journal = self._opened()
        new = self._home / "current.new"
        new.write_text(str(self.number))
        new.replace(self._home / "current")
        self.journal(old).unlink(missing_ok=True)
        shutil.rmtree(self.snapshot(old), ignore_errors=True)


class Memory:
    """The emulator's state: restored at its start, kept while it runs."""

    def __init__(self, home: Path) -> None:
        self.store = Store(home)
        self._functions: Any = _module(
            "services.lambda_svc"
        )  # notes now where it keeps code: beside the snapshots
        self._app: Any = _module("app")
        self._persistence: Any = _module("core.persistence")
        self._sts: Any = _module("services.sts")
        self._states: Any = _module("services.stepfunctions")
        self._load = self._app._load_persisted_state
        self._inner = self._app.app

    def install(self) -> None:
        """Stand between the emulator and its callers."""
        self._persistence.STATE_DIR = str(self.store.snapshot(self.store.number))
        self._app._load_persisted_state = self._restore
        self._app.save_all = self._leave
        for service in REQUESTS:
            self._app.SERVICE_HANDLERS[service] = self._noting(service, self._app.SERVICE_HANDLERS[service])
        self._app.app = self._asked
        _module("services.cloudwatch").TWO_WEEKS_SECONDS = METRICS_SECONDS
        self._note_sessions()
        self._note_executions()
        _module("services.dynamodb")._STREAM_RETENTION_SECONDS = STREAM_SECONDS
        look_at_dimensions(_module("services.cloudwatch"))

    def keep(self) -> None:
        """Take a snapshot of everything, and begin a new journal; the old pair stays until the new one is whole."""
        into = self.store.snapshot(self.store.number + 1)
        self._persistence.STATE_DIR = str(into)
        states = {name: state() for name, state in self._app._build_persistence_save_dict().items()}
        states["sessions"] = dict(self._sts._sessions)
        for name, state in states.items():
            if state is None:  # of a service that could not be loaded
                continue
            self._persistence.save_state(name, state)
            if not (into / f"{name}.json").exists():
                message = f"expected the state of {name} to be written to {into}; see the emulator's log"
                raise RuntimeError(message)
        self.store.move_on()

    def _leave(self, _: object) -> NoReturn:
        """The polite end: at once, for by itself Python would wait for every function that is being called."""
        self.keep()
        os._exit(0)

    async def _asked(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != KEEP:
            await self._inner(scope, receive, send)
            return
        self.keep()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def _noting(self, service: str, handler: Handler) -> Handler:
        async def noted(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
            answer = await handler(method, path, headers, body, query)
            # No other request came in between: these handlers wait for nothing, so the order here is theirs.
            if answer[0] < 300 and changes(action(headers, body)):
                kept = {name: headers[name] for name in _HEADERS if name in headers}
                self.store.append(service, [method, path, kept, body.decode(), query])
                if self.store.is_long:
                    self.keep()
            return answer

        return noted

    def _note_sessions(self) -> None:
        register = self._sts.register_session

        def noted(key: str, session: dict[str, Any]) -> None:
            register(key, session)
            self.store.append("session", [key, session])

        self._sts.register_session = noted

    def _note_executions(self) -> None:
        tell = self._states._emit_execution_status_event

        def noted(execution: dict[str, Any]) -> None:
            if not execution.get("sync"):
                self.store.append("execution", execution)
            tell(execution)

        self._states._emit_execution_status_event = noted

    def _restore(self) -> None:
        self._load()
        # The streams begin anew, and so do those who read them: a position of before would be ahead of them.
        self._functions._dynamodb_stream_positions._data.clear()
        self._sts._sessions.update(self._persistence.load_state("sessions") or {})
        executions = {}
        for kind, told in self.store.entries():
            if kind == "session":
                self._sts._sessions[told[0]] = told[1]
            elif kind == "execution":
                executions[told["executionArn"]] = told
            else:
                self._again(kind, *told)
        for arn, told in executions.items():
            self._states._executions[arn] = told
        # What still ran is closed, as it is for those of the snapshot.
        self._states._restore_state({"executions": {}})

    def _again(self, service: str, method: str, path: str, headers: Any, body: str, query: Any) -> None:
        handle = self._app._get_module(_MODULES[service]).handle_request
        answer = handle(method, path, headers, body.encode(), query)
        try:
            answer.send(None)
        except StopIteration:
            return
        message = f"expected {service} to answer at once, so that its requests can be made again"
        raise RuntimeError(message)


def look_at_dimensions(cloudwatch: Any) -> None:
    """Let each alarm see the metrics of its own dimensions only, or one cluster's errors would ring for all."""
    evaluate = cloudwatch._evaluate_alarm

    def evaluated(alarm: dict[str, Any]) -> None:
        every = cloudwatch._metrics
        wanted = cloudwatch._dims_key({each["Name"]: each["Value"] for each in alarm.get("Dimensions", [])})
        cloudwatch._metrics = {key: points for key, points in every.items() if key[2] == wanted}
        try:
            evaluate(alarm)
        finally:
            cloudwatch._metrics = every

    cloudwatch._evaluate_alarm = evaluated


def _module(name: str) -> Any:
    """A module of the emulator, which the project's own Python does not have."""
    return importlib.import_module(f"ministack.{name}")


def main() -> None:
    """Be the emulator, on what it remembers in STATE_DIR."""
    home = Path(os.environ["STATE_DIR"])
    Memory(home).install()
    _module("app").main()


if __name__ == "__main__":
    main()
