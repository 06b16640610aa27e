"""The mutants of a source tree, each with a name that stays the same when other code changes."""

import ast
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

from tools.mutants.operators import Mutation, Signatures, mutations, signatures

# The name of a mutant whose code is as it was.
INNOCENT = "no mutation"


@dataclass(frozen=True, slots=True)
class Module:
    """A module whose code is mutated."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mutation of one module; `id` depends on the code of its function alone."""

    id: str
    module: Module
    mutation: Mutation


class Sources:
    """The modules below some folders of a source root, and their mutants."""

    def __init__(self, root: Path, folders: Iterable[str]) -> None:
        self.root = root
        paths = sorted(path for folder in folders for path in (root / folder).rglob("*.py"))
        self.modules = {module.name: module for module in (Module(_name(root, path), path) for path in paths)}
        self._signatures: Signatures = signatures([self._tree(each) for each in self.modules.values()])

    def mutants(self, module: Module) -> list[Mutant]:
        """Return every mutant of a module."""
        return [mutant for mutant, _ in self._each(module)]

    def sample(self, seed: int, count: int, only: Sequence[str] = ("",)) -> list[Mutant]:
        """Return `count` mutants of the modules whose name begins with one of `only`, as the seed decides.

        A mutant's rank is a hash of its name, so that a change of one function leaves the rest of a sample as it
        was.
        """
        chosen = [module for name, module in self.modules.items() if name.startswith(tuple(only))]
        every = [mutant for module in chosen for mutant in self.mutants(module)]
        return sorted(every, key=lambda mutant: _digest(str(seed), mutant.id))[:count]

    def compiled(self, mutant: Mutant) -> CodeType:
        """Return the code of a mutant's module with the mutation in it; raise LookupError without it."""
        if mutant.id == INNOCENT:
            return compile(self._tree(mutant.module), str(mutant.module.path), "exec")
        for found, tree in self._each(mutant.module):
            if found.id == mutant.id:
                return compile(ast.fix_missing_locations(tree), str(mutant.module.path), "exec")
        raise LookupError(f"{mutant.module.name} has no mutant {mutant.id}")

    def _each(self, module: Module) -> Iterator[tuple[Mutant, ast.Module]]:
        seen: Counter[str] = Counter()
        tree = self._tree(module)
        for mutation in mutations(tree, self._signatures):
            name = _digest(module.name, mutation.function, mutation.operator, mutation.before, mutation.after)
            seen[name] += 1
            yield Mutant(f"{name}-{seen[name]}" if seen[name] > 1 else name, module, mutation), tree

    def _tree(self, module: Module) -> ast.Module:
        return ast.parse(module.path.read_text())


def digest_of_tree(root: Path, folders: Iterable[str]) -> str:
    """Return a digest of all files that decide whether a mutant survives."""
    found = hashlib.sha256()
    for path in sorted(path for folder in folders for path in (root / folder).rglob("*")):
        if path.suffix in {".py", ".json", ".toml"}:
            found.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def _name(root: Path, path: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
