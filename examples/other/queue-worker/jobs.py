"""A worker that takes jobs from a folder: each file is one job, and its result is a line of the file `done`."""

import os
import signal
import sys
import threading
from pathlib import Path

QUEUE = Path(os.environ.get("QUEUE", "/tmp/queue-worker"))
VERSION = os.environ.get("LIFECYCLE_VERSION", "none")
PAUSE_SECONDS = 0.1
ENDING = threading.Event()


def take() -> Path | None:
    """Claim one job: a rename that another worker cannot repeat."""
    for job in sorted(QUEUE.glob("*.job")):
        try:
            return job.rename(job.with_suffix(".taken"))
        except FileNotFoundError:
            continue  # another worker was faster
    return None


def work(job: Path) -> None:
    """Do one job, and write who did it."""
    host = os.environ.get("LIFECYCLE_HOST", "none")
    with (QUEUE / "done").open("a") as done:
        done.write(f"{job.stem} {VERSION} {host}\n")
    job.unlink()


def check() -> None:
    """Raise if this version could not work here."""
    QUEUE.mkdir(parents=True, exist_ok=True)
    probe = QUEUE / f"probe-{os.getpid()}"
    probe.write_text("ok")
    probe.unlink()


def main() -> None:
    """Take jobs until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: ENDING.set())  # the job at hand ends first
    print(f"queue-worker: {VERSION} takes jobs from {QUEUE}", flush=True)
    while not ENDING.is_set():
        if job := take():
            work(job)
        else:
            ENDING.wait(PAUSE_SECONDS)
    print("queue-worker: ended after its last job", flush=True)


if __name__ == "__main__":
    check() if "--check" in sys.argv else main()
