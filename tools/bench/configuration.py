"""The time that a configuration adds to the update of a host: what an agent does with a revision of 20 names.

A host reads its revision twice: before it is drained, and when it installs. It masks the end of a log for a failure.
`python -m tools.bench.configuration` prints one JSON object. Run it with nothing else on the machine.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from apps.agent.aws import SsmConfigurations
from apps.agent.configuration import Configuration
from apps.local.aws.clients import Aws
from apps.local.paths import EMULATED
from lifecycle.domain.service.configuration import document_of
from lifecycle.names import host_role, role_arn
from tools.bench.figures import Figures, summary
from tools.bench.laboratory import Laboratory, laboratory, say
from tools.demo.phases import lifecycle

READS = 300
_NAMES = 20
_LINES = 220  # the 4,000 bytes of a report


def milliseconds(act: Callable[[], object], times: int, clock: Callable[[], float] = time.perf_counter) -> Figures:
    """Return how long an action takes, repeated so many times."""
    found: list[float] = []
    for _ in range(times):
        began = clock()
        act()
        found.append(1000 * (clock() - began))
    return summary(found)


def measure(lab: Laboratory, reads: int) -> dict[str, Any]:
    """Give the cluster a configuration, and read it as its hosts' agents do, with the role of a host."""
    lab.run_demo()
    names = {f"BENCH_{number}": "x" * 40 for number in range(_NAMES)}
    texts = [f"{name}={value}" for name, value in names.items()]
    lifecycle(lab.demo, "the configuration", "config", "set", lab.cluster.service, *texts)
    manifest = lab.connection().context.artifacts.manifest(lab.cluster.service, lab.release())
    ssm, secrets = (_as_host(lab).client(each) for each in ("ssm", "secretsmanager"))
    store = SsmConfigurations(lambda: ssm, lambda: secrets, lab.cluster)
    say(f"{reads} reads of {_NAMES} names")
    read = milliseconds(lambda: Configuration(store).prepare(manifest, 1), reads)
    known, tail = Configuration(store), "one line of a log\n" * _LINES
    known.prepare(manifest, 1)
    return {
        "names": _NAMES,
        "bytes": len(document_of(names)),
        "read_milliseconds": read,
        "mask_milliseconds": milliseconds(lambda: known.masked(tail, 1), reads),
        "load_average": os.getloadavg(),
    }


def _as_host(lab: Laboratory) -> Aws:
    arn = role_arn(host_role(lab.cluster.environment, lab.cluster.service), EMULATED)
    session = Aws.of(lab.facts).client("sts").assume_role(RoleArn=arn, RoleSessionName="bench")
    return Aws(lab.ports, session["Credentials"])


def main() -> int:
    """Measure, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.configuration", description=__doc__)
    parser.add_argument("--reads", type=int, default=READS, help=f"reads of the configuration ({READS})")
    reads = parser.parse_args().reads
    # Stdout is only for the result; what runs here prints to stdout, so that goes to stderr.
    with os.fdopen(os.dup(1), "w") as result:
        os.dup2(2, 1)
        with laboratory(0) as lab:
            print(json.dumps(measure(lab, reads), indent=2), file=result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
