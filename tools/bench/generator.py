"""`python -m tools.bench.generator FILE NAME RATE URL...`: traffic from a process of its own.

It sends until its standard input ends, and then writes every request that it sent into FILE (`Sent`). On its own
because the bench's other work, in the same interpreter, would hold requests up and be blamed on the rollout.
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
    """Send, until told to stop; write what came back."""
    file, *rest = arguments
    kinds = {rest[at]: (float(rest[at + 1]), rest[at + 2]) for at in range(0, len(rest), 3)}
    sent = {name: list[Outcome]() for name in kinds}
    stop = threading.Event()
    threading.Thread(target=_stop_at_end_of_input, args=(stop,), daemon=True).start()
    # Nothing here makes cycles but what fails, and a collection would hold up what is due meanwhile.
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
