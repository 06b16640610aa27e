"""The part of infra/install_agent.sh that gives a host its keys, run with a program `aws` of the test."""

import os
import subprocess
from pathlib import Path
from string import Template

import pytest

from infra.constructs.hosts import INSTALL
from lifecycle import names

_AWS = """#!/bin/bash
while [ "$1" != --key-id ]; do shift; done
case "$2" in
  *-also-trusted) answer="$ALSO";;
  *) answer="$SIGNS";;
esac
case "$answer" in
  *Exception*) echo "An error occurred ($answer) when calling the GetPublicKey operation" >&2; exit 254;;
esac
printf 'arn:key/%s\\t%s\\n' "$answer" QUJD
"""
MISSING, DOWN = "NotFoundException", "KMSInternalException"


def given(folder: Path, signs: str, also: str) -> tuple[str, str]:
    """Run that part; return the content of the file of keys, and the line for the agent's environment."""
    script = Template(INSTALL.read_text()).safe_substitute(also=names.ALSO_TRUSTED, region="eu-central-1")
    part = script[script.index("public_key() {") : script.index("# The packages of the cluster")]
    aws, keys = folder / "aws", folder / "keys"
    aws.write_text(_AWS)
    aws.chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", f'set -euo pipefail; keys="{keys}"; {part} echo "$trusts"'],
        env={"PATH": f"{folder}:{os.environ['PATH']}", "SIGNS": signs, "ALSO": also},
        capture_output=True,
        text=True,
        check=True,
    )
    return keys.read_text() if keys.exists() else "", done.stdout.strip()


def test_host_gets_the_keys_that_sign(tmp_path: Path) -> None:
    found, trusts = given(tmp_path, "1", MISSING)
    assert found == "release arn:key/1\tQUJD\nsnapshot arn:key/1\tQUJD\n"
    assert trusts == f"LIFECYCLE_TRUSTED_KEYS={tmp_path / 'keys'}"
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o644


def test_host_gets_both_keys_of_a_rotation_and_loses_the_one_that_was_removed(tmp_path: Path) -> None:
    found, _ = given(tmp_path, "2", "1")
    assert [line.split()[:2] for line in found.splitlines()] == [
        [kind, f"arn:key/{number}"] for kind in ("release", "snapshot") for number in (2, 1)
    ]
    assert "key/1" not in given(tmp_path, "2", MISSING)[0]


def test_control_plane_without_keys_leaves_a_host_that_checks_nothing(tmp_path: Path) -> None:
    assert given(tmp_path, MISSING, MISSING) == ("", "LIFECYCLE_TRUSTED_KEYS=")


@pytest.mark.parametrize(("signs", "also"), [(DOWN, DOWN), ("2", DOWN)])
def test_new_host_installs_nothing_until_kms_has_answered(tmp_path: Path, signs: str, also: str) -> None:
    """A file of keys that is missing trusts nobody; no file at all would trust everybody."""
    assert given(tmp_path, signs, also) == ("", f"LIFECYCLE_TRUSTED_KEYS={tmp_path / 'keys'}")


@pytest.mark.parametrize(("signs", "also"), [(DOWN, DOWN), ("2", DOWN), (MISSING, MISSING)])
def test_keys_stay_when_kms_does_not_answer_or_has_lost_them(tmp_path: Path, signs: str, also: str) -> None:
    """A host that checked signatures once never goes back to checking none."""
    before = given(tmp_path, "1", MISSING)
    assert given(tmp_path, signs, also) == before
