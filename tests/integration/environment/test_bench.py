import subprocess
import tomllib

import pytest

from tools.bench.bad_builds import with_failing_self_test
from tools.demo.phases import EXAMPLE


@pytest.mark.parametrize(
    ("pattern", "host", "exit_code"),
    [
        ("production-hello-2", "production-hello-2", 1),
        ("production-hello-2", "production-hello-1", 0),
        ("production-*", "production-hello-4", 1),
        ("production-*", "staging-hello-1", 0),
    ],
)
def test_the_examples_self_test_fails_on_the_hosts_that_are_named(pattern: str, host: str, exit_code: int) -> None:
    changed = tomllib.loads(with_failing_self_test((EXAMPLE / "lifecycle.toml").read_text(), pattern))
    test = changed["checks"]["self_test"]
    assert test["timeout_seconds"] == 10
    done = subprocess.run(["/bin/sh", "-c", test["command"]], env={"LIFECYCLE_HOST": host}, check=False)
    assert done.returncode == exit_code
