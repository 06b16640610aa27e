"""`python -m tools.bench.generator FILE NAME RATE URL...`: the load generator; started by load.py.

It sends until its standard input ends, then writes the replies of every request to FILE. It is a process of
its own, because other work of the bench in the same interpreter would delay requests.
"""

import asyncio
import gc
import json
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tools.bench.replies import replies
from tools.demo.traffic import Outcome, generate

_FOREVER = 86_400.0


def main(arguments: Sequence[str]) -> int:
    """Send until standard input ends; write the replies."""
    file, *rest = arguments
    kinds = {rest[at]: (float(rest[at + 1]), rest[at + 2]) for at in range(0, len(rest), 3)}
    sent = {name: list[Outcome]() for name in kinds}
    stop = threading.Event()
    threading.Thread(target=_stop_at_end_of_input, args=(stop,), daemon=True).start()
    # Only failures make reference cycles here, and a garbage collection would delay requests.
    gc.disable()
    asyncio.run(_send_all(kinds, sent, stop))
    Path(file).write_text(json.dumps(replies(sent)))
    return 0


async def _send_all(
    kinds: dict[str, tuple[float, str]], sent: dict[str, list[Outcome]], stop: threading.Event
) -> None:
    print(time.monotonic(), flush=True)
    async with asyncio.TaskGroup() as group:
        for name, (rate, url) in kinds.items():
            group.create_task(generate(url, rate, stop, sent[name].append, _FOREVER))


def _stop_at_end_of_input(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
