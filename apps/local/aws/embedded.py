"""The emulator with persistent state: emulator.py runs this with the emulator's own Python, not `-m ministack`.

The plain emulator writes its state when it ends on SIGTERM, and S3 objects when they are put. A SIGKILL would lose
the rest. So a snapshot of everything is taken on request (`POST /_lifecycle/snapshot`, after each deployment). A
change between two snapshots is appended to a journal before it is answered: DynamoDB, SSM and ELBv2 writes as
requests to replay, role sessions and executions as records. A start reads the snapshot, then the journal.

Executions that were running are FAILED after a restart, as with the plain emulator. Nothing is synced to the disk, so
the state survives the process, not the machine. The emulator does not persist a table's stream. The replayed requests
are streamed again, so a reader of the stream may receive a change twice.

Unlike the plain emulator's alarms, an alarm here evaluates its own dimensions only. Unlike the plain emulator, every
request must be signed with a key that this emulator gave out (gate.py).
"""
# ruff: noqa: SLF001  (the emulator has no public API for this; tests/integration/environment/test_persistence.py guards it)

import contextlib
import importlib
import importlib.util
import json
import os
import resource
import shutil
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn, TextIO, TypeAlias
from urllib.parse import parse_qs

SNAPSHOT_PATH = "/_lifecycle/snapshot"
# The variables of the account's root key. They are no SDK's names, and no worker inherits them.
ROOT_KEY, ROOT_SECRET = "LIFECYCLE_ROOT_KEY", "LIFECYCLE_ROOT_SECRET"
LARGEST_JOURNAL = 16 * 1024**2
# AWS keeps a stream for a day, which would hold every heartbeat of every agent in memory. Functions read at once.
STREAM_SECONDS = 600
# The plain emulator keeps each value of a metric in memory for two weeks, and scans all of them at every call.
METRICS_SECONDS = 6 * 3600
_KEEP_ALIVE_SECONDS = 75  # as the emulator's own server
# The services whose requests are replayed, and the first words of the actions that change nothing.
REQUESTS = ("dynamodb", "ssm", "elasticloadbalancing")
_READS = ("Get", "Query", "Scan", "Describe", "List", "BatchGet", "TransactGet")
_MODULES = {"dynamodb": "dynamodb", "ssm": "ssm", "elasticloadbalancing": "alb"}
_HEADERS = ("x-amz-target", "content-type")

Handler: TypeAlias = Callable[..., Awaitable[Any]]


def action(headers: dict[str, str], body: bytes) -> str:
    """Return the name of the called action: from a header for JSON services, from the form for ELBv2."""
    if target := headers.get("x-amz-target"):
        return target.rpartition(".")[2]
    return parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]


def changes(name: str) -> bool:
    """Return True if an action may change something."""
    return not name.startswith(_READS)


class Store:
    """A snapshot and the journal that continues it, in one folder; the file `current` holds the pair's number."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        named = home / "current"
        self.number = int(named.read_text()) if named.exists() else 0
        self._journal = self._open_journal()

    def journal(self, number: int) -> Path:
        return self.home / f"journal-{number}.jsonl"

    def snapshot(self, number: int) -> Path:
        return self.home / f"snapshot-{number}"

    @property
    def is_long(self) -> bool:
        return self._journal.tell() > LARGEST_JOURNAL

    def append(self, kind: str, record: Any) -> None:
        """Write one line to the operating system; it survives this process."""
        self._journal.write(json.dumps([kind, record]) + "\n")

    def entries(self) -> list[tuple[str, Any]]:
        """Return the journal so far."""
        lines = self.journal(self.number).read_text().splitlines()
        return [(kind, record) for kind, record in map(json.loads, lines)]

    def close(self) -> None:
        self._journal.close()

    def _open_journal(self) -> TextIO:
        """Open the journal to append to, without a last line that a crash cut off: its call was never answered."""
        file = self.journal(self.number)
        if file.exists():
            os.truncate(file, file.read_bytes().rfind(b"\n") + 1)
        return file.open("a", buffering=1)

    def begin_next(self) -> None:
        """Switch to the next snapshot, which is complete, and an empty journal."""
        old, self.number = self.number, self.number + 1
        self.close()
        self._journal = self._open_journal()
        new = self.home / "current.new"
        new.write_text(str(self.number))
        new.replace(self.home / "current")
        self.journal(old).unlink(missing_ok=True)
        shutil.rmtree(self.snapshot(old), ignore_errors=True)


class PersistentEmulator:
    """The emulator, whose state is restored at its start and saved while it runs."""

    def __init__(self, home: Path, root_key: str, root_secret: str) -> None:
        self.store = Store(home)
        self._root_key, self._root_secret = root_key, root_secret
        self._functions: Any = _module(
            "services.lambda_svc"
        )  # loaded first: at import it decides where it stores code, beside the snapshots
        self._app: Any = _module("app")
        self._persistence: Any = _module("core.persistence")
        self._sts: Any = _module("services.sts")
        self._states: Any = _module("services.stepfunctions")
        self._load = self._app._load_persisted_state
        self._inner = self._app.app

    def install(self) -> None:
        """Wrap the emulator's handlers, so that each change is journalled before it is answered."""
        self._persistence.STATE_DIR = str(self.store.snapshot(self.store.number))
        self._app._load_persisted_state = self._restore
        self._app.save_all = self._end
        for service in REQUESTS:
            self._app.SERVICE_HANDLERS[service] = self._journalling(service, self._app.SERVICE_HANDLERS[service])
        dynamodb = _module("services.dynamodb")
        _module("services.cloudwatch").TWO_WEEKS_SECONDS = METRICS_SECONDS
        self._journal_sessions()
        self._journal_executions()
        dynamodb._STREAM_RETENTION_SECONDS = STREAM_SECONDS
        filter_by_dimensions(_module("services.cloudwatch"))
        evict_from_the_oldest(_module("services.cloudwatch"))
        policies, evaluator = _sibling("policies"), _module("core.iam_evaluator")
        replace(evaluator, "parse_policy_document", policies.parsed_once(evaluator.parse_policy_document))
        replace(evaluator, "_first_match", policies.with_variables(evaluator._first_match))
        # The plain emulator checks the grammar of a query's condition once for each item of the partition.
        replace(dynamodb, "_condition_syntax_error", lru_cache(maxsize=1024)(dynamodb._condition_syntax_error))
        actions, tables = _module("core.iam_actions"), dynamodb._tables
        given = policies.with_leading_keys(actions.dynamodb_service_context, tables)
        replace(actions, "dynamodb_service_context", given)
        runtime, layers = _module("core.lambda_runtime"), self.store.home / "layers"
        _sibling("lambda_workers").install(runtime, self._functions, layers, replace)
        self._close(_sibling("gate"), runtime)

    def _close(self, gate: Any, runtime: Any) -> None:
        """Put the gate in front of everything, and give functions keys that nobody else can derive."""
        core = [_module(f"core.{name}") for name in ("sigv4", "iam_evaluator", "responses", "router")]
        replace(self._app, "pin_signed_request", gate.checked_once(core[1], self._app.pin_signed_request))
        refusal, failed = _sibling("web_pages").refusal, gate.in_protocol(self._app)
        urls = _sibling("function_urls").FunctionUrls(self._functions)
        signatures = gate.Signatures(*core)
        self._app.app = gate.Gate(self._handle_http, signatures, urls, refusal, failed, self._root_key)
        given = gate.function_credentials(
            self._root_secret, self._sts, lambda config: runtime._account_region_from_function_config(config)[0]
        )
        for module in (runtime, self._functions):
            replace(module, "execution_credentials", given)

    def take_snapshot(self) -> None:
        """Save everything and begin a new journal; the old pair stays until the new one is complete."""
        into = self.store.snapshot(self.store.number + 1)
        self._persistence.STATE_DIR = str(into)
        states = {name: state() for name, state in self._app._build_persistence_save_dict().items()}
        states["sessions"] = {key: each for key, each in self._sts._sessions.items() if key != self._root_key}
        for name, state in states.items():
            if state is None:  # the service could not be loaded
                continue
            self._persistence.save_state(name, state)
            if not (into / f"{name}.json").exists():
                message = f"expected the state of {name} to be written to {into}; see the emulator's log"
                raise RuntimeError(message)
        self.store.begin_next()

    def _end(self, _: object) -> NoReturn:
        """End at once on SIGTERM: Python would otherwise wait for every function call that is running."""
        self.take_snapshot()
        os._exit(0)

    async def _handle_http(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != SNAPSHOT_PATH:
            await self._inner(scope, receive, send)
            return
        self.take_snapshot()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def _journalling(self, service: str, handler: Handler) -> Handler:
        async def journalled(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
            answer = await handler(method, path, headers, body, query)
            # These handlers never wait, so no other request ran in between: the journal has the order of the calls.
            if answer[0] < 300 and changes(action(headers, body)):
                request_headers = {name: headers[name] for name in _HEADERS if name in headers}
                self.store.append(service, [method, path, request_headers, body.decode(), query])
                if self.store.is_long:
                    self.take_snapshot()
            return answer

        return journalled

    def _journal_sessions(self) -> None:
        register = self._sts.register_session

        def journalled(key: str, session: dict[str, Any]) -> None:
            register(key, session)
            self.store.append("session", [key, session])

        self._sts.register_session = journalled

    def _journal_executions(self) -> None:
        emit = self._states._emit_execution_status_event

        def journalled(execution: dict[str, Any]) -> None:
            if not execution.get("sync"):
                self.store.append("execution", execution)
            emit(execution)

        self._states._emit_execution_status_event = journalled

    def _restore(self) -> None:
        self._load()
        # The streams begin again at zero, so a reader's old position would be ahead of them.
        self._functions._dynamodb_stream_positions._data.clear()
        for key, session in (self._persistence.load_state("sessions") or {}).items():
            self._restore_session(key, session)
        executions = {}
        for kind, record in self.store.entries():
            if kind == "session":
                self._restore_session(*record)
            elif kind == "execution":
                executions[record["executionArn"]] = record
            else:
                self._replay(kind, *record)
        for arn, record in executions.items():
            self._states._executions[arn] = record
        self._admit_root()
        # Executions of the journal that were running are closed, like those of the snapshot.
        self._states._restore_state({"executions": {}})

    def _restore_session(self, key: str, session: dict[str, Any]) -> None:
        """Restore a session of AssumeRole. A function's has no end, and is made again with its next worker.

        An older version derived the keys of functions from their names, so these must not come back.
        """
        if "Expiration" in session:
            self._sts._sessions[key] = session

    def _admit_root(self) -> None:
        """Make the account's root a session like others, so that its signature is checked like theirs."""
        account = os.environ["MINISTACK_ACCOUNT_ID"]
        self._sts._sessions[self._root_key] = {
            "Arn": f"arn:aws:iam::{account}:root",
            "UserId": account,
            "SecretAccessKey": self._root_secret,
            "AccountId": account,
            "PrincipalType": "Root",
        }

    def _replay(self, service: str, method: str, path: str, headers: Any, body: str, query: Any) -> None:
        handle = self._app._get_module(_MODULES[service]).handle_request
        answer = handle(method, path, headers, body.encode(), query)
        try:
            answer.send(None)
        except StopIteration:
            return
        message = f"expected {service} to answer at once, so that its requests can be replayed"
        raise RuntimeError(message)


def filter_by_dimensions(cloudwatch: Any) -> None:
    """Make each alarm evaluate the metrics of its own dimensions. Else one cluster's errors raise every alarm."""
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


def evict_from_the_oldest(cloudwatch: Any) -> None:
    """Make a call scan a metric only if its first value is too old. Else each call scans all values of six hours."""

    def evicted() -> None:
        oldest = time.time() - cloudwatch.TWO_WEEKS_SECONDS
        for key, points in list(cloudwatch._metrics.items()):
            if not points or points[0]["Timestamp"] < oldest:
                if left := [point for point in points if point["Timestamp"] >= oldest]:
                    cloudwatch._metrics[key] = left
                else:
                    del cloudwatch._metrics[key]

    replace(cloudwatch, "_evict_old_metrics", evicted)


def replace(module: Any, name: str, new: Any) -> None:
    """Replace a part of the emulator; raise RuntimeError if it has no such part, as after an update."""
    if not hasattr(module, name):
        message = f"expected {module.__name__} to have {name}: compare it with the emulator's new version"
        raise RuntimeError(message)
    setattr(module, name, new)


def _module(name: str) -> Any:
    """Import a module of the emulator, which the project's own Python does not have."""
    return importlib.import_module(f"ministack.{name}")


def _sibling(name: str) -> Any:
    """Load a module of this folder by its path: the emulator's own Python does not have the project."""
    spec: Any = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def serve() -> None:
    """Serve the emulator over uvicorn until SIGTERM. Its own server, Hypercorn, takes half of a call's time."""
    with contextlib.suppress(ValueError, OSError):  # each agent and worker holds descriptors
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvicorn: Any = importlib.import_module("uvicorn")
    uvicorn.run(
        _module("app").app,
        host=os.environ["BIND_HOST"],
        port=int(os.environ["GATEWAY_PORT"]),
        interface="asgi3",
        http="httptools",
        loop="asyncio",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=1,
        # The emulator keeps who calls in context variables, so no request may begin with another one's.
        reset_contextvars=True,
    )


def main() -> None:
    """Run the emulator on the state in STATE_DIR."""
    os.umask(0o077)  # the state has the secrets of sessions, of webhooks and of services
    home = Path(os.environ["STATE_DIR"])
    PersistentEmulator(home, os.environ.pop(ROOT_KEY), os.environ.pop(ROOT_SECRET)).install()
    serve()


if __name__ == "__main__":
    main()
