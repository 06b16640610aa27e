"""The CDK app: the stacks of Lifecycle on AWS, and, from the same templates, on a laptop.

`cdk deploy` runs it as cdk.json says. `python infra/app.py` writes the templates to $CDK_OUTDIR (cdk.out).
"""

import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if not __package__:
    # Run as a file, Python would look for PyPI's `constructs` in infra/ first.
    sys.path[0] = str(ROOT)
# CDK runs on Node. The environment's own Node is preferred, because a system's may be too old.
if (_node := Path(sys.prefix) / "bin" / "node").exists():
    os.environ.setdefault("JSII_NODE", str(_node))

from aws_cdk import App  # noqa: E402

from infra.settings import Settings  # noqa: E402
from infra.stacks.cluster import AsgClusterStack, AsgWorkerStack, ByoClusterStack, ByoWorkerStack  # noqa: E402
from infra.stacks.control_plane import ControlPlaneStack  # noqa: E402
from lifecycle import names  # noqa: E402


def build_app(outdir: str | None = None, context: dict[str, object] | None = None) -> App:
    """Return the app with its stacks; `context` overrides cdk.json, and the CDK command line both."""
    defaults = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = App(outdir=outdir, context=defaults | (context or {}), analytics_reporting=False)
    settings = Settings.of(app)
    control_plane = ControlPlaneStack(app, names.CONTROL_PLANE_STACK, settings)
    ByoClusterStack(app, names.CLUSTER_TEMPLATE, emulated=settings.emulated)
    ByoWorkerStack(app, names.WORKER_TEMPLATE)
    for cluster in settings.clusters:
        kind = AsgClusterStack if cluster.http else AsgWorkerStack
        stack = kind(app, names.cluster_stack(cluster.environment, cluster.service), cluster)
        # Its events call the control plane's functions by name.
        stack.add_dependency(control_plane)
    return app


if __name__ == "__main__":
    build_app(os.environ.get("CDK_OUTDIR") or str(ROOT / "cdk.out")).synth()
