"""Reading a lifecycle.toml: defaults, tables, and the manifest's parts."""

import re
from pathlib import Path

import pytest

from lifecycle.domain.analysis.model import Better, Measure, Scale
from lifecycle.domain.service.configuration import ConfigNames
from lifecycle.domain.service.manifest import Check, Manifest, ProcessCommand, ReleaseCommand, Run
from lifecycle.domain.service.policy import After, AfterBake, ApprovalGate, OnFail, Policy
from lifecycle.gateways.serialization import to_json
from lifecycle.servicefile import InvalidServiceFile, ManifestParts, parse_service_file
from lifecycle.servicefile.model import BUILD_SECONDS
from tests.support.records import read, read_plain

SMALLEST = """
name = "hello"
version = "1.4"
run.command = "./serve"
"""


def parts_of(text: str) -> ManifestParts:
    return parse_service_file(text.encode()).to_manifest_parts()


def test_a_name_a_version_and_a_command_are_enough() -> None:
    file = parse_service_file(SMALLEST.encode())
    assert (file.name, file.version, str(file.base)) == ("hello", "1.4.0", "1.4.0")
    assert file.to_manifest_parts() == (
        Run(command="./serve", port=8080, environment={}, start_seconds=30.0, stop_seconds=10.0),
        Check(path="/is_alive", timeout_seconds=2.0),
        Check(path="/is_alive", timeout_seconds=10.0),
        {"production": Policy(after=After.DEFAULT)},
        (),
        None,
        ConfigNames(),
        {},
        None,
        {},
        {},
        False,
    )


def test_manifest_without_a_setting_has_the_default_of_the_service_file() -> None:
    """An older manifest lacks the settings that were added since."""
    parts = parts_of(SMALLEST)
    assert read_plain(Run, {"command": "./serve", "port": 8080}) == parts.run
    assert read_plain(Check, {"path": "/is_alive"}) == parts.self_test


def test_the_longest_valid_build_ends_before_codebuilds_timeout() -> None:
    project = Path(__file__).parents[3] / "infra/constructs/build_project.py"
    [minutes] = re.findall(r"^_MINUTES = (\d+)$", project.read_text(), re.MULTILINE)
    assert int(minutes) * 60 - 300 >= BUILD_SECONDS
    text = f"[build]\ncommands = ['a']\nunit_tests = ['b']\ntimeout_seconds = {BUILD_SECONDS // 2}"
    assert parse_service_file((SMALLEST + text).encode()).build.timeout_seconds == BUILD_SECONDS // 2


def test_each_process_has_a_command_and_its_own_time_to_stop() -> None:
    text = '[processes.worker]\ncommand = "exec ./work"\n[processes.mail-sender]\ncommand = "m"\nstop_seconds = 200'
    assert parts_of(SMALLEST + text).processes == {
        "worker": ProcessCommand("exec ./work", 10.0),
        "mail-sender": ProcessCommand("m", 200.0),
    }
    assert read_plain(ProcessCommand, {"command": "m"}).stop_seconds == 10.0


def test_is_alive_is_the_default_self_test() -> None:
    parts = parts_of(SMALLEST + 'checks.is_alive = "/health"')
    assert parts.self_test.path == parts.is_alive.path == "/health"


def test_a_self_test_can_be_a_path_a_table_or_a_command() -> None:
    assert parts_of(SMALLEST + 'checks.self_test = "/test"').self_test.path == "/test"
    assert parts_of(SMALLEST + 'checks.self_test = { path = "/test" }').self_test.path == "/test"
    test = parts_of(SMALLEST + 'checks.self_test = { command = "./test", timeout_seconds = 60 }').self_test
    assert test == Check(command="./test", timeout_seconds=60.0)


def test_an_environment_overrides_only_the_named_defaults() -> None:
    text = SMALLEST + '[environments.production]\napproval = "after_first_host"\ndrain_seconds = 5'
    expected = Policy(approval=ApprovalGate.AFTER_FIRST_HOST, drain_seconds=5, after=After.DEFAULT)
    assert parts_of(text).policies == {"production": expected}


def test_an_empty_environment_has_the_default_policy() -> None:
    assert parts_of(SMALLEST + "[environments.staging]").policies == {
        "staging": Policy(after=After.NONE),
        "production": Policy(after=After.DEFAULT),
    }


@pytest.mark.parametrize(
    ("written", "after"),
    [
        ("", After.DEFAULT),
        ('after = "staging"', After.STAGING),
        ('after = "none"', After.NONE),
        ('after = ""', After.NONE),
    ],
)
def test_production_comes_after_staging_unless_the_file_says_otherwise(written: str, after: After) -> None:
    assert parts_of(f"{SMALLEST}[environments.production]\n{written}").policies["production"].after is after


@pytest.mark.parametrize(
    ("environment", "after"),
    [("production", "production"), ("production", "prod"), ("staging", "production"), ("staging", "staging")],
)
def test_unknown_environment_itself_and_a_cycle_are_refused(environment: str, after: str) -> None:
    with pytest.raises(InvalidServiceFile, match=rf'environments.{environment}.after: expected .*, found "{after}"'):
        parts_of(f'{SMALLEST}[environments.{environment}]\nafter = "{after}"')


def test_a_metric_needs_a_name_and_a_direction_and_compares_ratios_by_default() -> None:
    metrics = '[checks]\nmetrics = "/metrics.json"\n[[metrics]]\nname = "queue_length"\nbetter = "lower"\n'
    parts = parts_of(SMALLEST + metrics)
    assert parts.metrics == (
        Measure("queue_length", Better.LOWER, Scale.RATIO, minimum_effect=0.1, non_inferiority_margin=0.25),
    )
    assert parts.metrics_path == "/metrics.json"


def test_a_difference_has_its_own_thresholds() -> None:
    text = """checks.metrics = "/metrics.json"
    [[metrics]]
    name = "answers.found"
    better = "higher"
    compare = "difference"
    matters = 0.5
    excludes = 2.0
    unit = "answers"
    """
    expected = Measure("answers.found", Better.HIGHER, Scale.DIFFERENCE, 0.5, 2.0, "answers")
    assert parts_of(SMALLEST + text).metrics == (expected,)


def test_configuration_declares_names_and_an_environment_its_own_variables() -> None:
    text = """[config]
    required = ["DATABASE_URL"]
    optional = ["SENTRY_DSN"]
    [environments.production]
    environment = { LOG = "info" }
    [environments.staging]
    """
    parts = parts_of(SMALLEST + text)
    assert parts.config == ConfigNames(("DATABASE_URL",), ("SENTRY_DSN",))
    assert parts.environments == {"production": {"LOG": "info"}}
    assert parts.policies == {"production": Policy(after=After.DEFAULT), "staging": Policy(after=After.NONE)}


def test_an_environment_configures_its_test_bed() -> None:
    text = '[environments.production]\nbake_minutes = 30\non_fail = "roll_back"\nafter_bake = "ask"'
    expected = Policy(bake_minutes=30, on_fail=OnFail.ROLL_BACK, after_bake=AfterBake.ASK, after=After.DEFAULT)
    assert parts_of(SMALLEST + text).policies == {"production": expected}
    assert parts_of(SMALLEST + "[environments.staging]").policies["staging"].bake_minutes == 0


def test_a_manifest_without_test_bed_fields_is_read() -> None:
    old = {
        "service": "hello",
        "version": "1.4.0",
        "commit": "abcdef0",
        "repository": "hello",
        "branch": "main",
        "digest": "d" * 64,
        "size": 3,
        "built_at": "2026-11-23T12:00:00+00:00",
        "builder": "build",
        "run": {"command": "./serve", "port": 8080},
        "is_alive": {"path": "/is_alive"},
        "self_test": {"path": "/self_test"},
        "policies": {"production": {"drain_seconds": 5}},
    }
    manifest = read_plain(Manifest, old)
    assert (manifest.metrics, manifest.metrics_path) == ((), None)
    assert manifest.policy("production") == Policy(drain_seconds=5)


def test_metrics_and_policies_survive_serialization() -> None:
    text = 'checks.metrics = "/m"\n[[metrics]]\nname = "queue"\nbetter = "lower"\n'
    text += '[environments.staging]\nbake_minutes = 30\non_fail = "roll_back"\n'
    for part in parts_of(SMALLEST + text)[3:5]:
        kind = dict[str, Policy] if isinstance(part, dict) else tuple[Measure, ...]
        assert read(kind, to_json(part)) == part


@pytest.mark.parametrize(
    ("more", "packed"),
    [("", "tracked"), ('build.artifact = "dist"', "folder"), ('build.commands = ["make"]', "folder")],
)
def test_tracked_files_are_packed_only_when_nothing_is_built(more: str, packed: str) -> None:
    assert parse_service_file((SMALLEST + more).encode()).packs_tracked_files is (packed == "tracked")


def test_a_byte_order_mark_and_windows_line_ends_are_accepted() -> None:
    data = b"\xef\xbb\xbf" + SMALLEST.replace("\n", "\r\n").encode()
    assert parse_service_file(data).name == "hello"


@pytest.mark.parametrize(("written", "read"), [("dist/", "dist"), ("./a//b", "a/b"), (".", "."), ("./", ".")])
def test_an_artifact_folder_is_normalized(written: str, read: str) -> None:
    assert parse_service_file(f'{SMALLEST}build.artifact = "{written}"'.encode()).build.artifact == read


@pytest.mark.parametrize("version", ["1", "1.4.0.1", "01.4", "1.4-x", "v1.4", "1.4.٢", "", "1.4.0 "])
def test_an_invalid_version_is_refused(version: str) -> None:
    with pytest.raises(InvalidServiceFile, match="version: expected two or three numbers in quotes"):
        parse_service_file(SMALLEST.replace('"1.4"', f'"{version}"').encode())


def test_release_command_goes_into_the_manifest() -> None:
    assert parts_of(SMALLEST + '[release]\ncommand = "./migrate"').release == ReleaseCommand("./migrate", 300)
    text = '[release]\ncommand = "./migrate"\ntimeout_seconds = 3300'
    assert parts_of(SMALLEST + text).release == ReleaseCommand("./migrate", 3300)
