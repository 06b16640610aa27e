"""`make run`: one push of the example service, all the way to production, on this machine.

It runs the commands that a person would type, and prints the service's address when production serves it. The first
time, two more versions follow, each through its test bed. A second run commits a small change, or whatever was
changed by hand in the working copy, and takes that to production. Exit code 1 names the phase that failed, and why;
the environment keeps running either way. Started by __main__.py; the phases are in phases.py.
"""

import argparse
import shlex
import sys

from apps.local import environment, status
from apps.local.paths import Layout
from apps.local.ports import chosen_ports
from apps.local.progress import Progress
from apps.local.services import clusters
from apps.local.services.clusters import Added
from lifecycle.domain.errors import LifecycleError
from tools.demo import test_beds
from tools.demo.phases import (
    EXAMPLE,
    RATE,
    Demo,
    build,
    change,
    change_configuration,
    deploy,
    promote,
    push,
    start_of,
)


def main() -> int:
    """Run the demo; return the exit code."""
    demo = Demo(Layout.find(), Progress(), with_tour=_options().tour == "full")
    try:
        run_demo(demo)
    except (LifecycleError, KeyboardInterrupt) as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        print("\ninterrupted" if interrupted else f"\nerror: {error}", file=sys.stderr)
        if demo.layout.environment.exists():
            print(
                "The environment is still running. Inspect it with `.venv/bin/lifecycle status`; "
                "end it with `make stop`.",
                file=sys.stderr,
            )
        return 130 if interrupted else 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.demo", description="Take the example to production.")
    parser.add_argument(
        "--tour",
        choices=("full", "short"),
        default="full",
        help="short: end when production serves the first version, and show no test beds (make run TOUR=short)",
    )
    return parser.parse_args()


def run_demo(demo: Demo) -> None:
    """Run every phase in turn; raise LifecycleError at the first that fails."""
    with demo.phase("The embedded environment"):
        facts = environment.up(demo.layout, demo.progress, chosen_ports())
        added = clusters.add_service(demo.layout, EXAMPLE, demo.progress)
    first = not test_beds.was_deployed(facts, added.service)
    if not demo.with_test_bed:
        test_beds.remove_waits_from_policy(added.working_copy)
    with demo.phase("Push"):
        change(demo, added)
        commit = push(demo, added)
    with demo.phase("Build and test, to a snapshot, and to staging"):
        delivered = build(demo, facts, f"{added.service}-{commit}")
    with demo.phase("Release candidate"):
        release = promote(demo, delivered)
    with demo.phase(f"Production, one host at a time, under {RATE:.0f} requests per second"):
        deploy(demo, added, start_of(demo, added.service, release))
    address = added.clusters[-1].address
    demo.progress.say(f"\n  {added.service} {release} is served: {address}/   console: {facts['console']}")
    if first and demo.with_test_bed and demo.with_tour:
        # A first version cannot be compared with anything. Two more show what the test bed is for.
        demo.progress.say(
            "  Now watch a changed configuration, and two more versions in a test bed; Ctrl-C ends the demo, and the "
            "service stays up."
        )
        with demo.phase("A changed configuration, in staging, with the same bytes"):
            change_configuration(demo, added)
        test_beds.show(demo, facts, added)
    _summarise(demo, added, facts["console"])


def _summarise(demo: Demo, added: Added, console: str) -> None:
    say = demo.progress.say
    demo.progress.heading("Done")
    for name, seconds in demo.seconds.items():
        say(f"  {seconds:6.1f} s  {name}")
    total = status.totals(status.rows(demo.layout))
    memory = f"{total['rss'] / 1e6:.0f} MB resident, {total['pss'] / 1e6:.0f} MB with shared pages counted once"
    say(f"\n  {total['processes']} processes, {memory}\n")
    for cluster in added.clusters:
        count = len(cluster.hosts)
        say(f"  {cluster.name:18} {cluster.address}   {count} host{'s' * (count > 1)}")
    say("\n  What to do next:")
    folder = shlex.quote(str(added.working_copy))
    for what, command in (
        ("send a request", f"curl -i {added.clusters[-1].address}/"),
        ("see what runs", f".venv/bin/lifecycle hosts {added.service}"),
        ("roll back", f".venv/bin/lifecycle rollback {added.service}"),
        ("change the code", f"edit {folder}, then: make run"),
        (
            "make it fail",
            f"sed -i 's/^self_test_fails = false/self_test_fails = true/' {folder}/switches.toml",
        ),
        ("", "make run     # halts at the first host and says how to decide"),
        ("add a service", ".venv/bin/lifecycle local add FOLDER     # FOLDER has a lifecycle.toml"),
        ("end everything", "make stop"),
    ):
        say(f"  {what:18} {command}")
    say(f"\n  Follow rollouts, and decide, in the console: {console}")
