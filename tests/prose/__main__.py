"""The command: `python -m tests.prose [PATH...]`, all tracked .py and .md files and the Makefile by default.

Prints a line for each finding and exits with 1 when there is one.
"""

import gc
import subprocess
import sys
from pathlib import Path

from tests.prose.checks import Finding, Rules, check, load
from tests.prose.passages import passages

RULES = Path(__file__).with_name("substitutions.toml")
ROOT = RULES.resolve().parents[2]
ALLOWED = "prose: allow"  # a line with these words is not checked


def repository() -> Path:
    """Return the root of the repository that this is run in."""
    command = ["git", "rev-parse", "--show-toplevel"]
    return Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())


def files(arguments: list[str], root: Path = ROOT) -> list[Path]:
    """Return the files below the given paths that the checker can read and that Git does not ignore."""
    names = [str(Path(each).resolve()) for each in arguments] or ["."]
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *names]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    paths = (root / name for name in sorted(set(listed)))
    return [each for each in paths if (each.suffix in {".py", ".md"} or each.name == "Makefile") and each.exists()]


def findings(path: Path, root: Path, rules: Rules) -> list[Finding]:
    """Return the findings in one file, by line."""
    text = path.read_text()
    lines = text.splitlines()
    found = check(path.relative_to(root).as_posix(), passages(path, text), rules)
    allowed = {number for number, line in enumerate(lines, start=1) if ALLOWED in line}
    return sorted((each for each in found if each.line not in allowed), key=lambda each: each.line)


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Print the findings in the repository at `root`; return the exit code."""
    gc.disable()  # a third of the time goes into collecting syntax trees otherwise
    rules = load(RULES)
    count = 0
    for path in files(arguments, root):
        for each in findings(path, root, rules):
            count += 1
            print(f"{path.relative_to(root)}:{each.line}: {each.rule}: found “{each.found}”; say {each.say} instead")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], repository()))
