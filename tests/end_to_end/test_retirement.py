"""A release is withdrawn, and a service retired, by the functions with their own roles."""

import pytest

from apps.local.paths import REPOSITORY
from tests.conftest import Laptop
from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import add_service

pytestmark = pytest.mark.emulator


def test_a_release_is_withdrawn_and_its_service_retired(operator: Operator, laptop: Laptop) -> None:
    site = add_service(operator, laptop, REPOSITORY / "examples" / "other" / "static-site", 1)
    snapshot = site.staged(site.built(site.push("As it came")))
    mistake = site.promoted(snapshot)
    operator("withdraw", "site", mistake, "--why", "the wrong name")
    refused = operator("plan", "site", mistake, code=1)
    assert f"{mistake} was withdrawn by ada" in refused.err
    release = site.promoted(snapshot)
    assert release != mistake
    assert site.deploy(release).end["state"] == "DONE"
    deployed = operator("withdraw", "site", release, "--why", "too late", code=1)
    assert "it was deployed to production/site" in deployed.err

    used = operator("service", "remove", "site", "--why", "unused", code=1)
    assert "production/site is a cluster" in used.err
    operator("local", "remove", "site", "--yes")
    operator("service", "remove", "site", "--why", "unused")
    listed = {each["version"]: each["withdrawn"] for each in operator("releases", "site").facts["releases"]}
    assert {mistake, release} <= set(listed), "there may be others, of an earlier test in this environment"
    assert {each["by"] for each in listed.values()} == {"ada"}

    again = add_service(operator, laptop, REPOSITORY / "examples" / "other" / "static-site", 1)
    (again.copy / "public" / "index.html").write_text("Another site")
    newest = again.promoted(again.staged(again.built(again.push("Another site"))))
    plan = operator("plan", "site", newest).facts
    assert (plan["previous"], plan["refusals"]) == (None, [])
    assert again.deploy(newest).end["state"] == "DONE"
