"""The partitions of the ledger that each function may change, found in the source of the functions.

A function reaches a write if its handler reaches a call of it, over any path. So a grant of these partitions is never
too narrow. Calls are resolved by the names that a module imports, and methods by their names alone.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from lifecycle.names import Partition

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers/core/python/lifecycle"
_CLUSTER, _DEPLOYMENT, _SERVICE = Partition.CLUSTER, Partition.DEPLOYMENT, Partition.SERVICE
# The methods of ports that write, by the name of the port in Context: the partitions that they put items into, and
# those that they delete from.
Effect = tuple[set[str], set[str]]
WRITES: Mapping[str, Mapping[str, Effect]] = {
    "leases": dict.fromkeys(("acquire", "hand_over", "renew", "release"), ({_CLUSTER}, set())),
    "deployments": {
        "put": ({_CLUSTER, _DEPLOYMENT}, set()),
        **dict.fromkeys(
            ("begin_attempt", "put_attempt", "put_bed", "put_checkpoint", "ask", "attach_token", "assign", "answer"),
            ({_DEPLOYMENT}, set()),
        ),
    },
    "audit_log": {"append": ({Partition.AUDIT_LOG}, set())},
    "fleet": {
        "give_turns": ({Partition.TURNS}, set()),
        **dict.fromkeys(("quarantine", "quarantine_host", "bind", "unbind"), ({_CLUSTER}, set())),
        "lift_quarantine": (set(), {_CLUSTER}),
        "remove": ({_CLUSTER}, {Partition.TURNS, Partition.REPORTS}),  # it unbinds the host
    },
    "freezes": {"put": ({Partition.FREEZES}, set()), "lift": (set(), {Partition.FREEZES})},
    "queue": {"replace": ({_CLUSTER}, {_CLUSTER})},
    "requests": {"put": ({Partition.REQUEST}, set())},
    "cursors": {"put": ({Partition.PASSES}, set())},
    "dispatcher": {"register": ({Partition.ROTATION}, set()), "deregister": (set(), {Partition.ROTATION})},
    "configurations": dict.fromkeys(("claim", "record"), ({Partition.CONFIG}, set())),
    "catalogue": {
        **dict.fromkeys(
            ("claim_service", "transfer_service", "record_snapshot", "record_published", "claim_release"),
            ({_SERVICE}, set()),
        ),
        "put_withdrawal": ({Partition.WITHDRAWALS}, set()),
        **dict.fromkeys(("change_builds", "change_branch"), ({Partition.REPOSITORY}, set())),
        "record_refused_push": ({Partition.REFUSED_PUSHES}, set()),
        "change_reported": ({Partition.FORGE}, set()),
    },
}


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a module: a function, a class, or a constant. `owner` is the class of a method."""

    module: str
    node: ast.AST
    owner: str = ""


@dataclass
class _Source:
    """The modules that functions use, and the names in them."""

    parts: dict[tuple[str, str], _Part] = field(default_factory=dict)
    methods: dict[str, list[_Part]] = field(default_factory=lambda: defaultdict(list))
    imports: dict[str, dict[str, tuple[str, str]]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, module: str, path: Path) -> None:
        tree = ast.parse(path.read_text())
        for node in tree.body:
            for name in _names(node):
                self.parts[module, name] = _Part(module, node)
            if isinstance(node, ast.ClassDef) and not any("Protocol" in ast.dump(base) for base in node.bases):
                for method in node.body:
                    if isinstance(method, ast.FunctionDef):
                        self.methods[method.name].append(_Part(module, method, node.name))
        for each in ast.walk(tree):
            if isinstance(each, ast.ImportFrom) and each.module:
                for alias in each.names:
                    self.imports[module][alias.asname or alias.name] = (each.module, alias.name)

    def used(self, part: _Part) -> Iterator[_Part]:
        """Yield the parts that a part names."""
        for node in ast.walk(part.node):
            if isinstance(node, ast.Attribute):
                yield from self._attribute(part, node)
            elif isinstance(node, ast.Name) and node.id != "Context":  # its ports are made, and not called
                yield from self._named(part.module, node.id)

    def _attribute(self, part: _Part, node: ast.Attribute) -> Iterator[_Part]:
        if isinstance(node.value, ast.Name) and node.value.id in self.imports[part.module]:
            module = ".".join(self.imports[part.module][node.value.id])
            if found := self.parts.get((module, node.attr)):
                yield found
                return
        of = _called_on(node)
        for method in self.methods.get(node.attr, ()):
            expected = part.owner if of == "self" else "Context" if of == "context" else ""
            if of not in WRITES and (method.owner == expected if expected else method.owner != "Context"):
                yield method

    def _named(self, module: str, name: str) -> Iterator[_Part]:
        found = self.parts.get((module, name)) or self.parts.get(self.imports[module].get(name, ("", "")))
        if found:
            yield found


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = (
        node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    )
    return [each.id for each in targets if isinstance(each, ast.Name)]


def _called_on(node: ast.Attribute) -> str:
    value = node.value
    return value.attr if isinstance(value, ast.Attribute) else value.id if isinstance(value, ast.Name) else ""


@cache
def _source() -> _Source:
    source = _Source()
    for room in ("application", "entrypoints"):
        for path in (PACKAGE / room).rglob("*.py"):
            source.add(".".join(("lifecycle", *path.relative_to(PACKAGE).with_suffix("").parts)), path)
    return source


@cache
def changed_by(phase: str) -> Effect:
    """Return the partitions that a function puts items into, and those that it deletes items from."""
    (path,) = (ROOT / "functions").glob(f"*/{phase}/handler.py")
    source, handler = _source(), f"functions.{phase}"
    source.add(handler, path)
    waiting, seen = [source.parts[handler, "handle"]], set[int]()
    puts, deletes = set[str](), set[str]()
    while waiting:
        part = waiting.pop()
        if id(part.node) in seen:
            continue
        seen.add(id(part.node))
        for node in ast.walk(part.node):
            if isinstance(node, ast.Attribute):
                put, deleted = WRITES.get(_called_on(node), {}).get(node.attr, (set(), set()))
                puts, deletes = puts | put, deletes | deleted
        waiting += source.used(part)
    return puts, deletes
