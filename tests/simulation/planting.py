"""Plant one fault of the catalogue while the product is imported, and run the simulation with it.

`python -m tests.simulation.planting NAME` prints the first seed that catches it. For a companion test, pytest
gets `-p tests.simulation.planting` and the environment variable PLANTED.
"""

import argparse
import gc
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from tests.simulation.planted import CATALOGUE, Planted

SEEDS = 1000


class _Planting(Loader):
    """A loader of a module from its source with the fault in it."""

    def __init__(self, path: str, fault: Planted) -> None:
        self._path = path
        self._fault = fault

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        code = compile(self._fault.planted_in(module.__name__, self._path), self._path, "exec")
        exec(code, vars(module))  # noqa: S102 (an import does the same)


class _Finder(MetaPathFinder):
    def __init__(self, fault: Planted) -> None:
        self._fault = fault

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in {edit.module for edit in self._fault.edits}:
            return None
        found = PathFinder.find_spec(name, path)
        if found is None or found.origin is None:
            return None
        return importlib.util.spec_from_file_location(name, found.origin, loader=_Planting(found.origin, self._fault))


def plant(name: str) -> Planted:
    """Plant a fault in the imports that follow; raise RuntimeError if its module is imported already."""
    fault = CATALOGUE[name]
    if imported := [edit.module for edit in fault.edits if edit.module in sys.modules]:
        raise RuntimeError(f"{imported} is imported already: the fault would not be planted")
    sys.meta_path.insert(0, _Finder(fault))
    os.environ["PLANTED"] = name  # for the files that no import reads
    return fault


def main() -> int:
    """Run seeds until one catches the fault; return 0 when one did."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.planting", description=__doc__)
    parser.add_argument("name", choices=sorted(CATALOGUE))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    given = parser.parse_args()
    plant(given.name)
    from tests.simulation.quick_records import make_records_quick  # noqa: PLC0415 (after the planting)
    from tests.simulation.run import BROKEN, run  # noqa: PLC0415

    make_records_quick()
    gc.freeze()
    gc.disable()
    for seed in range(given.seeds):
        result = run(seed)
        if seed % 10 == 0:
            gc.collect()
        if result.violation:
            print(f"{given.name}: seed {seed}: {result.name}: {result.violation}")
            return int(result.name == BROKEN)
    print(f"{given.name}: none of {given.seeds} seeds caught it")
    return 1


if "PLANTED" in os.environ and __name__ != "__main__":
    plant(os.environ["PLANTED"])

if __name__ == "__main__":
    sys.exit(main())
