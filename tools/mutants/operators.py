"""Mutation operators over a syntax tree: each changes one place, as a slip of a programmer would.

`mutations` makes one change after the other in the same tree and takes each back. A change that no test could
notice is not made: annotations, docstrings, `__repr__`, protocols, `assert_never` and `if TYPE_CHECKING`.
"""

import ast
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Signatures = Mapping[str, tuple[str, ...]]

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}
# Without these a module or its class means something else altogether, or the same.
_DECORATORS_LEFT = {
    *("dataclass", "property", "classmethod", "staticmethod", "cached_property", "cache", "lru_cache", "overload"),
    *("total_ordering", "contextmanager", "override", "final", "unique", "runtime_checkable"),
}
_EMPTY: dict[str, ast.expr] = {
    "tuple": ast.Tuple([], ast.Load()),
    "list": ast.List([], ast.Load()),
    "dict": ast.Dict([], []),
    "Mapping": ast.Dict([], []),
    "Sequence": ast.Tuple([], ast.Load()),
    "frozenset": ast.Call(ast.Name("frozenset", ast.Load()), [], []),
    "set": ast.Call(ast.Name("set", ast.Load()), [], []),
    "str": ast.Constant(""),
}
_NOT_VISITED = {"annotation", "returns", "decorator_list", "pattern", "type_params"}


@dataclass(frozen=True, slots=True)
class Mutation:
    """A change of one place in a tree.

    `lines` are the statements whose execution runs the changed place; none means that the import runs it.
    """

    function: str
    line: int
    operator: str
    before: str
    after: str
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """The statement and the function that a node belongs to."""

    function: str = ""
    statement: ast.stmt | None = None
    lines: tuple[int, ...] = ()
    returns: ast.expr | None = None


@dataclass(frozen=True, slots=True)
class _Change:
    """One other value of a field, or of an item of a field that is a list."""

    owner: ast.AST
    field: str
    value: object
    operator: str
    index: int | None = None

    def swap(self, value: object) -> object:
        """Put a value in place, and return the former one."""
        found = getattr(self.owner, self.field)
        if self.index is None:
            setattr(self.owner, self.field, value)
            return found
        former = found[self.index]
        found[self.index] = value
        return former


def mutations(tree: ast.Module, signatures: Signatures) -> Iterator[Mutation]:
    """Yield each mutation while `tree` has it; the tree is as before when the generator goes on."""
    for place, change in _changes(tree, _Place(), signatures):
        statement = place.statement
        if statement is None:
            continue
        before = header(statement)
        former = change.swap(change.value)
        after = header(change.value if isinstance(change.value, ast.stmt) else statement)
        if after != before:
            yield Mutation(place.function, statement.lineno, change.operator, before, after, place.lines)
        change.swap(former)


def header(statement: ast.stmt) -> str:
    """Return a statement's source without the statements inside it."""
    shown = copy.copy(statement)
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        if getattr(shown, field, None):
            setattr(shown, field, [])
    if isinstance(statement, ast.Try):
        return "try: … " + ", ".join(map(_handler, statement.handlers))
    if isinstance(statement, ast.Match):
        return f"match {ast.unparse(statement.subject)}: " + ", ".join(map(_case, statement.cases))
    if isinstance(shown, ast.FunctionDef | ast.ClassDef):
        shown.body = [ast.Expr(ast.Constant(...))]
    return ast.unparse(ast.fix_missing_locations(shown))


def _handler(handler: ast.ExceptHandler) -> str:
    caught = ast.unparse(handler.type) if handler.type else ""
    return f"except {caught}: {ast.unparse(handler.body[0]).splitlines()[0]}"


def _case(case: ast.match_case) -> str:
    return f"case {ast.unparse(case.pattern)}" + (f" if {ast.unparse(case.guard)}" if case.guard else "")


def signatures(trees: list[ast.Module]) -> dict[str, tuple[str, ...]]:
    """Return the types of the positional parameters of each function and class whose name is unambiguous."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.FunctionDef):
            names = [each for each in node.args.args if each.arg not in {"self", "cls"}]
            types = tuple(ast.unparse(each.annotation) if each.annotation else "" for each in names)
        elif isinstance(node, ast.ClassDef):
            types = tuple(ast.unparse(each.annotation) for each in node.body if isinstance(each, ast.AnnAssign))
        else:
            continue
        found.setdefault(node.name, set()).add(types)
    return {name: next(iter(types)) for name, types in found.items() if len(types) == 1}


def _changes(node: ast.AST, place: _Place, known: Signatures) -> Iterator[tuple[_Place, _Change]]:
    if _is_left_alone(node):
        return
    if isinstance(node, ast.FunctionDef):
        yield from ((_inside(node, place), change) for change in _of_function(node))
    yield from ((place, change) for change in _of_expression(node, known))
    yield from ((place, change) for change in _of_statement(node, place.returns))
    for field, index, item in _children(node):
        where = _place_of(item, field, node, place)
        yield from ((where, change) for change in _of_child(node, field, index, item))
        yield from _changes(item, where, known)


def _children(node: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    """Yield the nodes below one, each with its field, and its index where the field is a list."""
    for field, value in ast.iter_fields(node):
        if field in _NOT_VISITED:
            continue
        if isinstance(value, list):
            yield from ((field, index, item) for index, item in enumerate(value) if isinstance(item, ast.AST))
        elif isinstance(value, ast.AST):
            yield field, None, value


def _place_of(item: ast.AST, field: str, parent: ast.AST, place: _Place) -> _Place:
    if isinstance(parent, ast.FunctionDef) and field == "args":
        return _inside(parent, place)
    if isinstance(item, ast.ClassDef | ast.FunctionDef):
        name = f"{place.function}.{item.name}".lstrip(".")
        returns = item.returns if isinstance(item, ast.FunctionDef) else None
        return _Place(name, item, place.lines, returns)
    if isinstance(item, ast.ExceptHandler):
        return _Place(place.function, place.statement, (item.body[0].lineno,), place.returns)
    if isinstance(item, ast.stmt):
        inside = place.lines or isinstance(parent, ast.FunctionDef)
        return _Place(place.function, item, (item.lineno,) if inside else (), place.returns)
    return place


def _inside(function: ast.FunctionDef, place: _Place) -> _Place:
    """Return the place of a default or a decorator: the import runs it, and the function's tests notice it."""
    lines = tuple(each.lineno for each in function.body)
    return _Place(place.function, function, lines, function.returns)


def _is_left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.ClassDef):
        return any(ast.unparse(base).startswith("Protocol") for base in node.bases)
    if isinstance(node, ast.FunctionDef):
        return node.name == "__repr__"
    if isinstance(node, ast.If):
        return ast.unparse(node.test).endswith("TYPE_CHECKING")
    if isinstance(node, ast.AnnAssign):
        return ast.unparse(node.annotation) == "TypeAlias"
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in {"assert_never", "TypeVar", "NewType"}
    # zip(strict=True) is an assertion: no caller gives lists of unlike lengths.
    return isinstance(node, ast.keyword) and node.arg == "strict"


def _is_droppable(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Call(func=function)):
            return ast.unparse(function) != "assert_never"
        case ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break() | ast.Delete():
            return True
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return True
        case _:
            return False


def _of_function(function: ast.FunctionDef) -> Iterator[_Change]:
    for number, decorator in enumerate(function.decorator_list):
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = ast.unparse(called).rpartition(".")[2]
        if name not in _DECORATORS_LEFT and name != "setter":
            others = [each for index, each in enumerate(function.decorator_list) if index != number]
            yield _Change(function, "decorator_list", others, "removed decorator")


def _of_statement(node: ast.AST, returns: ast.expr | None) -> Iterator[_Change]:
    match node:
        case ast.If() | ast.IfExp():
            yield _Change(node, "test", ast.Constant(value=False), "condition never holds")
            yield _Change(node, "test", ast.Constant(value=True), "condition always holds")
        case ast.match_case() if node.guard:
            yield _Change(node, "guard", None, "dropped guard")
        case ast.comprehension():
            for number in range(len(node.ifs)):
                others = [each for index, each in enumerate(node.ifs) if index != number]
                yield _Change(node, "ifs", others, "dropped filter")
        case ast.Return():
            yield from _of_return(node, returns)
        case ast.ExceptHandler() if not isinstance(node.body[0], ast.Raise):
            yield _Change(node, "body", [ast.copy_location(ast.Raise(), node.body[0])], "handler raises again")


def _of_expression(node: ast.AST, known: Signatures) -> Iterator[_Change]:
    match node:
        case ast.Compare():
            for number, operator in enumerate(node.ops):
                for other in _COMPARISONS[type(operator)]:
                    yield _Change(node, "ops", other(), "comparison", number)
        case ast.BoolOp():
            yield _Change(node, "op", ast.And() if isinstance(node.op, ast.Or) else ast.Or(), "and/or")
        case ast.BinOp() if type(node.op) in _ARITHMETIC:
            yield _Change(node, "op", _ARITHMETIC[type(node.op)](), "arithmetic")
        case ast.Constant():
            yield from _of_constant(node)
        case ast.Call():
            yield from _of_call(node, known)


def _of_constant(node: ast.Constant) -> Iterator[_Change]:
    if isinstance(node.value, bool):
        yield _Change(node, "value", not node.value, "flipped constant")
    elif isinstance(node.value, int):
        yield _Change(node, "value", node.value + 1, "constant + 1")
        yield _Change(node, "value", node.value - 1, "constant - 1")
    elif isinstance(node.value, float):
        yield _Change(node, "value", node.value + 1.0, "constant + 1")


def _of_call(call: ast.Call, known: Signatures) -> Iterator[_Change]:
    if isinstance(call.func, ast.Name) and call.func.id in _CALLS:
        yield _Change(call.func, "id", _CALLS[call.func.id], "min/max, any/all")
    name = ast.unparse(call.func).rpartition(".")[2]
    types = known.get(name, ())
    if any(isinstance(each, ast.Starred) for each in call.args):
        return
    for number, (one, other) in enumerate(zip(call.args, call.args[1:], strict=False)):
        if len(types) > number + 1 and types[number] == types[number + 1] != "":
            swapped = [*call.args[:number], other, one, *call.args[number + 2 :]]
            yield _Change(call, "args", swapped, "swapped arguments")


def _of_return(node: ast.Return, returns: ast.expr | None) -> Iterator[_Change]:
    if node.value is None or (isinstance(node.value, ast.Constant) and not node.value.value):
        return
    kind = ast.unparse(returns).partition("[")[0] if returns else ""
    if kind == "bool":
        if not isinstance(node.value, ast.Constant):
            yield _Change(node, "value", ast.UnaryOp(ast.Not(), node.value), "negated result")
    else:
        yield _Change(node, "value", _EMPTY.get(kind, ast.Constant(value=None)), "empty result")


def _of_child(owner: ast.AST, field: str, index: int | None, item: ast.AST) -> Iterator[_Change]:
    """Yield the changes that put another node in the place of `item`."""
    if isinstance(item, ast.stmt) and _is_droppable(item):
        yield _Change(owner, field, ast.copy_location(ast.Pass(), item), "dropped statement", index)
    if isinstance(item, ast.UnaryOp) and isinstance(item.op, ast.Not | ast.USub):
        yield _Change(owner, field, item.operand, "dropped not" if isinstance(item.op, ast.Not) else "sign", index)
    if isinstance(item, ast.BoolOp):
        for number in range(len(item.values)):
            others = [each for place, each in enumerate(item.values) if place != number]
            rest = others[0] if len(others) == 1 else ast.copy_location(ast.BoolOp(item.op, others), item)
            yield _Change(owner, field, rest, "dropped operand", index)
