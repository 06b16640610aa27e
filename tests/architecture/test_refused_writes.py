"""No refusal of a store is dropped: its caller uses the result, or says in a comment why it means nothing.

A port's method that returns something may not be called as a statement of its own. `_ = port.method(…)` is the
allowance, and needs a comment on its line or on the line above. The same is true of the application's functions
that return a refusal.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from queue import Queue
from threading import Lock, Thread

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIFECYCLE = ROOT / "layers/core/python/lifecycle"
PORTS = LIFECYCLE / "application/ports"
APPLICATION = LIFECYCLE / "application"
APPS = [ROOT / "apps" / name for name in ("agent", "build", "cli")]
CALLERS = (APPLICATION, LIFECYCLE / "entrypoints", ROOT / "functions", *APPS)
GATEWAYS = LIFECYCLE / "gateways/aws"
# What a function of the application returns that says whether it did what it was called for.
REFUSALS = {"bool", "Outcome", "Outcome | None", "RefusedTurn | None", "Planned", "Finished"}
# A method of these names may be Python's own, where its object is not named after a port.
PYTHONS = {each for kind in (dict, list, str, Path, BytesIO, type(Lock()), Queue, Thread) for each in dir(kind)}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef))


def returns_something(function: ast.FunctionDef) -> bool:
    return function.returns is not None and ast.unparse(function.returns) not in ("None", "Never", "NoReturn")


def port_methods() -> dict[str, dict[str, bool]]:
    """Return method -> port, in lower case -> True if the port's method returns something."""
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    for path in PORTS.glob("*.py"):
        for each in ast.parse(path.read_text()).body:
            if isinstance(each, ast.ClassDef) and any(ast.unparse(base) == "Protocol" for base in each.bases):
                for method in functions(each):
                    found[method.name][each.name.lower()] = returns_something(method)
    return found


def results() -> set[str]:
    """Return the names of the application's functions that return a refusal, wherever they are defined so."""
    found: dict[str, list[bool]] = defaultdict(list)
    for path in APPLICATION.rglob("*.py"):
        if path.parent != PORTS:
            for function in functions(ast.parse(path.read_text())):
                found[function.name].append(
                    function.returns is not None and ast.unparse(function.returns) in REFUSALS
                )
    return {name for name, kinds in found.items() if all(kinds)}


def receiver(call: ast.Call) -> str:
    """Return the last name before the method, such as `leases` of `context.leases.release()`."""
    if not isinstance(call.func, ast.Attribute):
        return ""
    value = call.func.value
    if isinstance(value, ast.Attribute):
        return value.attr.strip("_")
    return value.id if isinstance(value, ast.Name) else f"{ast.unparse(value).partition('(')[0]}()"


def name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)


def must_be_used(call: ast.Call, methods: dict[str, dict[str, bool]], ours: set[str]) -> bool:
    if not isinstance(call.func, ast.Attribute):
        return name(call) in ours
    ports, of = methods.get(name(call), {}), receiver(call).replace("_", "").lower()
    if of in ports:
        return ports[of]
    return (any(ports.values()) and name(call) not in PYTHONS) or name(call) in ours


def dropped(source: str, methods: dict[str, dict[str, bool]], ours: set[str]) -> list[int]:
    """Return the lines at which a result is dropped, or assigned to `_` without a comment."""
    lines, found = source.splitlines(), []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            if must_be_used(node.value, methods, ours):
                found.append(node.lineno)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_":
            above = lines[node.lineno - 2].strip()
            if "  # " not in lines[node.lineno - 1] and not above.startswith("# "):
                found.append(node.lineno)
    return sorted(found)


def unconditional(source: str) -> list[int]:
    """Return the lines at which a gateway drops the result of a conditional write."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and receiver(node.value) == "table"
        and name(node.value) in ("put", "delete")
        and len(node.value.args) > (1 if name(node.value) == "put" else 2)
    ]


def test_result_of_every_port_is_used() -> None:
    methods, ours = port_methods(), results()
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for root in CALLERS
        for path in sorted(root.rglob("*.py"))
        # The programs in apps/ have functions of the same names, so only the ports count there.
        for line in dropped(path.read_text(), methods, set() if root in APPS else ours)
    ]
    assert not found, f"a refusal may be dropped here; use the result, or assign it to `_` with a comment: {found}"


def test_gateways_return_what_the_ledger_refuses() -> None:
    found = [
        f"{path.name}:{line}" for path in sorted(GATEWAYS.glob("*.py")) for line in unconditional(path.read_text())
    ]
    assert not found, f"the refusal of a conditional write is dropped: {found}"


@pytest.mark.parametrize(
    "planted",
    [
        "context.fleet.give_turns(cluster, turns)",
        "context.deployments.put(record)",
        "running.context.deployments.put_attempt(attempt)",
        "context.leases.release(cluster, lease)",
        "queue.replace(cluster, None, pending)",
        "executions.answer_token(token, {})",
        "self._catalogue.claim_service(service, repository)",
        "unknown_name.put_bed(bed)",
        "host_commands.give_turns(context, deployment, turns)",
        "give_turns(context, deployment, turns)",
        "running.advance(state)",
        "_ = context.leases.release(cluster, lease)",
    ],
)
def test_dropped_refusal_is_found(planted: str) -> None:
    assert dropped(f"pass\n{planted}\n", port_methods(), results()) == [2]


@pytest.mark.parametrize(
    "allowed",
    [
        "if not context.deployments.put(record): stop()",
        "context.freezes.put(freeze)",
        "context.dispatcher.register(cluster, address, port)",
        "_ = context.leases.release(cluster, lease)  # not held: another call has freed it",
        "# Refused: another call has it.\n_ = context.queue.replace(cluster, pending, None)",
    ],
)
def test_used_or_explained_result_is_allowed(allowed: str) -> None:
    assert not dropped(f"pass\n{allowed}\n", port_methods(), results())


def test_dropped_refusal_of_a_gateway_is_found() -> None:
    assert unconditional('self._table.put(made, "attribute_not_exists(pk)")\n') == [1]
    assert not unconditional("self._table.put(made)\nself._table.delete(pk, sk)\n")
