"""The schema of lifecycle.toml takes longer to import than most phases may take to start."""

import subprocess
import sys


def test_phases_begin_without_the_schema_of_lifecycle_toml() -> None:
    modules = ("entrypoints.events", "entrypoints.delivery_events", "entrypoints.handler", "application.rollout.plan")
    program = "; ".join(f"import lifecycle.{each}" for each in modules)
    asked = f"import sys; {program}; sys.exit('lifecycle.servicefile.model' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
