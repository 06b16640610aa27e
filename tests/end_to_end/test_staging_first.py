"""Staging comes before production: a snapshot that did not pass there is neither promoted nor deployed unasked."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import Laptop
from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import add_service

pytestmark = pytest.mark.emulator

SERVICE = Path(__file__).parent / "brittle"
OVERRIDE = ("--despite-staging", "--reason", "staging is being rebuilt")


def test_snapshot_that_halted_in_staging_needs_an_override_with_a_reason(
    operator: Operator, laptop: Laptop, tmp_path: Path
) -> None:
    folder = tmp_path / "gated"
    shutil.copytree(SERVICE, folder)
    file = folder / "lifecycle.toml"
    text = file.read_text().replace('name = "brittle"', 'name = "gated"')
    file.write_text(text.replace('after = "none"', 'after = "staging"'))
    service = add_service(operator, laptop, folder, 1)
    good = service.built(service.push("Open"))
    assert "staging has not verified it: it never ran there" in operator("promote", "gated", good, code=1).err
    release = service.promoted(service.staged(good))
    assert service.deploy(release).end["state"] == "DONE"

    service.change("lifecycle.toml", r'MOOD = "[^"]*"', 'MOOD = "dies in its self-test"')
    bad = service.built(service.push("Break"))
    service.deploy(bad, "--environment", "staging", code=1)
    refused = operator("promote", "gated", bad, code=1).err
    assert "has halted there: " in refused
    assert "VERSION to blame" in refused
    assert "needs a --why" in operator("promote", "gated", bad, "--despite-staging", code=1).err
    made = str(operator("promote", "gated", bad, *OVERRIDE).facts["release"])
    plan = operator("plan", "gated", made, code=1).facts
    assert (plan["staging"]["outcome"], plan["staging"]["blame"]) == ("HALTED", "VERSION")
    assert plan["changes"]["text"] == f"1 commit since {release}"
    assert [each["subject"] for each in plan["changes"]["commits"]] == ["Break"]
    overridden = operator("plan", "gated", made, "--despite-staging").facts
    assert overridden["refusals"] == []
    trail = operator.read("history", "gated", "--trail").facts["trail"]
    (entry,) = [each for each in trail if each["what"].startswith("override staging")]
    assert entry["why"] == "staging is being rebuilt"
    operator("decide", "gated", "ABORT", "--yes", "-e", "staging", "--why", "the test ends")
