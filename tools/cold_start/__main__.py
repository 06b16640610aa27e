"""Print what the cold start of each function costs, or of those that are named."""

import argparse
import tempfile
from pathlib import Path

from apps.local.aws.assembly import Synthesis, templates
from apps.local.paths import PLATFORM
from layers.build import lambda_python
from tools.cold_start.fresh import Cold, Layers, handlers
from tools.cold_start.phases import Phase, phases

_COMPARED = "receive_push"
NOTES = """
Processor time of fresh processes with compiled modules, the least of the starts. "imports" is until the handler is
imported, "first use" until the gateways and every client that its role may use are made. "at its memory" is both on
the part of a processor that the memory brings (1,769 MB is a whole one), as if the initialisation had no more.
Lambda's processors differ. What it takes to make a sandbox, and the network, come on top.
"""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.cold_start", description=__doc__)
    parser.add_argument("functions", nargs="*", metavar="FUNCTION", help="such as receive_push; by default all")
    parser.add_argument("--times", type=int, default=3, help="starts of each, of which the least counts (3)")
    options = parser.parse_args()
    known = handlers()
    if unknown := set(options.functions) - known.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}; functions/ has {', '.join(known)}")
    with Synthesis({"platform": "lambda"}) as synthesis:
        bodies = {each.name: each.body["Resources"] for each in templates(synthesis.wait())}
    found = phases(bodies[PLATFORM])
    print(f"{'function':18}  memory   imports  first use  at its memory  modules    peak")
    handler, phase = known[_COMPARED], found[_COMPARED]
    with tempfile.TemporaryDirectory() as folder:
        layers = Layers.unpacked(Path(folder, "compiled"))
        for name in options.functions or known:
            _print(found[name], layers.cold(known[name], found[name].clients, times=options.times))
        lazy = layers.cold(handler, phase.clients, times=options.times)
        others = {"as it is": lazy, "all of Lifecycle and every client": layers.eager(handler, times=options.times)}
        if lambda_python():
            sources = Layers.not_compiled(Path(folder, "sources"))
            others["not compiled"] = sources.cold(handler, phase.clients, times=options.times)
    print(f"\n{_COMPARED}, beside the same function in other forms:")
    for text, other in others.items():
        print(f"  {text:36} {other.seconds * 1000:6.0f} ms; as it is takes {lazy.seconds / other.seconds:.2f} of it")
    print(NOTES)


def _print(phase: Phase, cold: Cold) -> None:
    times = f"{cold.imports * 1000:6.0f} ms {cold.first_use * 1000:7.0f} ms"
    sizes = f"{cold.modules:8} {cold.megabytes:4.0f} MB"
    at_memory = f"{cold.seconds_at(phase.megabytes):12.2f} s"
    print(f"{phase.name:18} {phase.megabytes:4} MB {times} {at_memory} {sizes}", flush=True)


if __name__ == "__main__":
    main()
