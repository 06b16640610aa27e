"""Plant one fault of the catalogue while the product is imported, and run what must catch it.

`python -m tests.simulation.planting NAME` prints the first seed that catches it, or runs its companion test. For
other tests with the fault, pytest gets `-p tests.simulation.planting` and the environment variable PLANTED.
"""

import argparse
import gc
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from tests.simulation.planted import CATALOGUE, SIMULATION, Planted

SEEDS = 2000
# Where the simulation caught each fault, so that it begins there; any change of the simulation moves some. `--all`
# writes the file.
CAUGHT_AT = Path(__file__).parent / "plants" / "caught_at.json"


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


def catch(name: str, seeds: int = SEEDS) -> int:
    """Plant a fault in this process; return 0 if the simulation or its companion test catches it, and 1 if not."""
    caught_by = plant(name).caught_by
    return _first_seed(name, seeds) if caught_by == SIMULATION else _companion(name, caught_by)


def catch_in_a_process(name: str, printed: Path) -> None:
    """Do the same in a process that ends with it, and that has a file for what is printed."""
    with printed.open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    sys.exit(catch(name))


def _companion(name: str, test: str) -> int:
    import pytest  # noqa: PLC0415 (the simulation does without)

    options = ("-p", "no:cacheprovider", "--assert=plain", "-x", "-q", "-m", "not emulator")
    ended = pytest.main([*options, test])
    # Other codes: no test was found, or the fault could not be planted.
    caught = ended == pytest.ExitCode.TESTS_FAILED
    print(f"{name}: {'caught by' if caught else f'exit code {int(ended)} of'} {test}")
    return int(not caught)


def _first_seed(name: str, seeds: int) -> int:
    from tests.simulation.quick_records import make_records_quick  # noqa: PLC0415 (after the planting)
    from tests.simulation.run import BROKEN, run  # noqa: PLC0415

    make_records_quick()
    gc.freeze()
    gc.disable()
    begin_with = json.loads(CAUGHT_AT.read_text()).get(name)
    for seed in sorted(range(seeds), key=lambda each: each != begin_with):
        result = run(seed)
        if seed % 10 == 0:
            gc.collect()
        if result.violation:
            print(f"{name}: seed {seed}: {result.name}: {result.violation}")
            return int(result.name == BROKEN)
    print(f"{name}: none of {seeds} seeds caught it")
    return 1


def _find_all() -> int:
    """Catch each fault that the simulation catches in a process of its own, and write the seeds."""
    names = sorted(name for name, fault in CATALOGUE.items() if fault.caught_by == SIMULATION)
    command = [sys.executable, "-m", "tests.simulation.planting"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        printed = list(pool.map(lambda name: _printed([*command, name]), names))
    found = {name: re.match(rf"{name}: seed (\d+): ", text) for name, text in zip(names, printed, strict=True)}
    seeds = {name: int(match[1]) for name, match in found.items() if match}
    CAUGHT_AT.write_text(f"{json.dumps(seeds, indent=1)}\n")
    missed = [text for name, text in zip(names, printed, strict=True) if name not in seeds]
    print("".join(missed), end="")
    return len(missed)


def _printed(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def main() -> int:
    """Catch the fault of this name; return 0 when that succeeds."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.planting", description=__doc__)
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("name", nargs="?", choices=sorted(CATALOGUE))
    wanted.add_argument("--all", action="store_true", help="find the seeds that the simulation begins with")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    given = parser.parse_args()
    return int(_find_all() > 0) if given.all else catch(given.name, given.seeds)


if "PLANTED" in os.environ and __name__ != "__main__":
    plant(os.environ["PLANTED"])

if __name__ == "__main__":
    sys.exit(main())
