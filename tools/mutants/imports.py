"""Imports of other code than what the files have: with a mutation, or with markers that tell which lines ran."""

import ast
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType

Hit = tuple[str, int]
_MARK = "__seen__"


class _Replaced(Loader):
    """A loader of a module from code that was compiled elsewhere."""

    def __init__(self, code: Callable[[], CodeType], names: Mapping[str, object]) -> None:
        self._code = code
        self._names = names

    def create_module(self, _spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(self._names)
        exec(self._code(), vars(module))  # noqa: S102 - an import does the same  # nosec B102


class _Finder(MetaPathFinder):
    """A finder of the modules that are replaced, which must be asked before all others."""

    def __init__(self, replaced: Mapping[str, tuple[Path, Loader]]) -> None:
        self._replaced = replaced

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self._replaced:
            return None
        source, loader = self._replaced[name]
        package = [str(source.parent)] if source.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(name, source, loader=loader, submodule_search_locations=package)


def replace_module(name: str, path: Path, code: CodeType) -> None:
    """Let the first import of a module run `code`; raise RuntimeError when it is imported already."""
    if name in sys.modules:
        raise RuntimeError(f"{name} is imported already: the mutation would not be in it")
    sys.meta_path.insert(0, _Finder({name: (path, _Replaced(lambda: code, {}))}))


def come_first() -> None:
    """Put the finders of replaced modules before those that were added later, as pytest adds one."""
    sys.meta_path.sort(key=lambda finder: not isinstance(finder, _Finder))


def check_replaced(names: Iterable[str]) -> None:
    """Raise RuntimeError when a module was imported from its file instead of its replacement."""
    for name in names:
        found = sys.modules.get(name)
        if found is not None and not isinstance(found.__loader__, _Replaced):
            raise RuntimeError(f"{name} was imported by {found.__loader__}, not with its replacement")


def mark_lines(modules: Mapping[str, Path], seen: set[Hit]) -> None:
    """Let each statement in a function of these modules add its module and line to `seen` before it runs."""
    sys.meta_path.insert(0, _Finder({name: (path, _marking(name, path, seen)) for name, path in modules.items()}))


def _marking(name: str, path: Path, seen: set[Hit]) -> Loader:
    def code() -> CodeType:
        tree = ast.parse(path.read_text())
        _Marking().visit(tree)
        return compile(ast.fix_missing_locations(tree), str(path), "exec")

    def mark(line: int) -> None:
        seen.add((name, line))

    return _Replaced(code, {_MARK: mark})


class _Marking(ast.NodeTransformer):
    """A change of every block inside a function: each statement follows a call with its line."""

    def __init__(self) -> None:
        self._depth = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if self._depth:
            for field in ("body", "orelse", "finalbody"):
                block = getattr(node, field, None)
                if isinstance(block, list) and not isinstance(node, ast.ClassDef):
                    setattr(node, field, [each for found in block for each in (_mark(found), found)])
        return node


def _mark(statement: ast.stmt) -> ast.stmt:
    called = ast.Call(ast.Name(_MARK, ast.Load()), [ast.Constant(statement.lineno)], [])
    return ast.copy_location(ast.Expr(called), statement)
