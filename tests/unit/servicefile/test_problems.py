"""The messages about an invalid lifecycle.toml."""

import time

import pytest

from lifecycle.servicefile import InvalidServiceFile, Problem, parse_service_file
from lifecycle.servicefile.model import BuildTable, RunTable

HEAD = 'name = "hello"\nversion = "1.4.0"\n'
RUN = HEAD + '[run]\ncommand = "./serve"\n'


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(InvalidServiceFile) as caught:
        parse_service_file(text if isinstance(text, bytes) else text.encode())
    assert str(caught.value) == "\n".join(str(problem) for problem in caught.value.problems)
    return [str(problem) for problem in caught.value.problems]


def only_problem(text: str | bytes) -> str:
    found = problems(text)
    assert len(found) == 1, found
    return found[0]


def test_a_problem_names_file_line_field_what_was_expected_and_what_was_found() -> None:
    assert only_problem(RUN + 'port = "eighty"') == (
        'lifecycle.toml:5: run.port: expected a whole number from 1 to 65535, found "eighty"'
    )


def test_a_problem_has_line_field_and_message() -> None:
    with pytest.raises(InvalidServiceFile) as caught:
        parse_service_file((RUN + "port = 0").encode())
    (problem,) = caught.value.problems
    assert problem == Problem(5, "run.port", "expected a whole number from 1 to 65535, found 0")


def test_all_problems_are_reported_at_once_sorted_by_line() -> None:
    text = 'name = "Hello!"\nversion = 1.4\n[run]\nport = true\n[checks]\nis_alive = "health"\n'
    assert [found.split(": expected")[0] for found in problems(text)] == [
        "lifecycle.toml:1: name",
        "lifecycle.toml:2: version",
        "lifecycle.toml:3: run.command",
        "lifecycle.toml:4: run.port",
        "lifecycle.toml:6: checks.is_alive.path",
    ]


def test_an_empty_file_lacks_the_three_required_fields() -> None:
    assert [found.split(": expected")[0] for found in problems("")] == [
        "lifecycle.toml:1: name",
        "lifecycle.toml:1: run.command",
        "lifecycle.toml:1: version",
    ]


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("prot = 80", 'run.prot: unknown; did you mean "port"?'),
        ("Port = 80", 'run.Port: unknown; did you mean "port"?'),
        ('unit_tests = ["make"]', "run.unit_tests: unknown here; did you mean build.unit_tests?"),
        ('name = "x"', "run.name: unknown here; did you mean name, above the first table?"),
        (
            "zzz = 1",
            f"run.zzz: unknown; expected one of {', '.join(RunTable.model_fields)}",
        ),
        ("[environments.prod]", 'environments.prod: unknown; did you mean "production"?'),
    ],
)
def test_an_unknown_key_is_reported_with_a_suggestion(line: str, hint: str) -> None:
    assert only_problem(RUN + line) == f"lifecycle.toml:5: {hint}"


@pytest.mark.parametrize(
    ("line", "ending"),
    [
        ('port = "80"', 'found "80" (write it without quotes)'),
        ("environment = { A = 1 }", "found 1 (write it in quotes)"),
        ("[environments.staging]\nautomatic = 'true'", 'found "true" (write it without quotes)'),
        ("start_seconds = nan", "found NaN"),
        ("start_seconds = 2020-01-01", "found a date or time"),
        ("port = []", "found a list"),
        ("port = {}", "found a table"),
        ("port = 0x" + "f" * 4000, "found a very large number"),
    ],
)
def test_the_value_found_is_shown_with_a_hint_about_quotes(line: str, ending: str) -> None:
    assert only_problem(RUN + line).endswith(ending)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("environment = { PORT = '1' }", "run.environment.PORT: expected another name: HOST, PORT"),
        ("environment = { LIFECYCLE_X = '1' }", "run.environment.LIFECYCLE_X: expected another name"),
        ("environment = { 'a b' = '1' }", 'run.environment."a b": expected a variable\'s name'),
        ("environment = { A = '\\u0000' }".replace("'", '"'), "run.environment.A: expected text of at most"),
        ("[release]\ncommand = ' '", "release.command: expected a shell command"),
        ("[release]\ntimeout_seconds = 60", "release.command"),
        ("[release]\ncommand = 'm'\ntimeout_seconds = 0", "expected a number of seconds from 1 to 3300, found 0"),
        (
            "[release]\ncommand = 'm'\ntimeout_seconds = 3301",
            "expected a number of seconds from 1 to 3300, found 3301",
        ),
        ("[release]\ncommand = 'm'\ntimeout_seconds = '60'", "expected a number of seconds from 1 to 3300"),
        ("[release]\ncommand = 'm'\nonce = true", "release.once: unknown; expected one of command, timeout_seconds"),
        ("start_seconds = 601", "run.start_seconds: expected a number of seconds from 1 to 600"),
        ("start_seconds = 600\nstop_seconds = 300", "run: expected the longest stop_seconds, run.start_seconds and"),
        ("[processes.worker]\nstop_seconds = 1", "processes.worker.command: expected a shell command"),
        ("[processes.worker]\ncommand = 'x'\nstop = 1", "unknown; expected one of command, stop_seconds"),
        ("[processes]\nworker = 'x'", 'processes.worker: expected a table such as [processes.worker], found "x"'),
        ("[processes]\nworker = 'x'", "lifecycle.toml:6: processes.worker"),
        ("[processes.web]\ncommand = 'x'", "processes.web: expected a name of at most 24 lower-case letters"),
        ("[processes.run]\ncommand = 'x'", "run and web are reserved for the process of [run]"),
        ("[processes.-a]\ncommand = 'x'", "processes.-a: expected a name of at most 24"),
        ("[processes.command]\ncommand = 3", "processes.command.command: expected a shell command"),
        (
            "start_seconds = 600\n[processes.worker]\ncommand = 'x'\nstop_seconds = 200",
            "run: expected the longest stop_seconds, run.start_seconds and the checks",
        ),
        ("[schedules.report]\ncommand = 'x'", "schedules.report.cron: expected a cron expression of five fields"),
        ("[schedules.report]\ncommand = 'x'\ncron = '@daily'", "schedules.report.cron: expected a cron expression"),
        ("[schedules.run]\ncommand = 'x'\ncron = '* * * * *'", "run and web are reserved for the process of [run]"),
        (
            "[processes.a]\ncommand = 'x'\n[schedules.a]\ncommand = 'x'\ncron = '* * * * *'",
            "lifecycle.toml:7: schedules.a: expected a name that no process has",
        ),
        (
            "".join(f"[processes.p{n}]\ncommand = 'x'\n" for n in range(9)),
            "processes: expected at most 8 tables such as [processes.worker]",
        ),
        ("[build]\ncommands = [\n'make',\n3]", "build.commands[1]: expected a shell command"),
        ("[build]\ncommands = 'make'", "build.commands: expected a list of at most 50 shell commands"),
        ("[build]\nartifact = '../other'", "build.artifact: expected a folder inside the repository"),
        ("[build]\nartifact = '/etc'", "build.artifact: expected a folder inside the repository"),
        ("[build]\nartifact = '.git'", "build.artifact: expected a folder inside the repository"),
        ("[checks]\nis_alive = '/a b'", "checks.is_alive.path: expected a path of printable characters"),
        (
            "[checks]\nself_test = {path = '/', command = 'x'}",
            "checks.self_test: expected either path or command",
        ),
        ("[config]\nrequired = ['2nd']", "config.required[0]: expected a variable's name"),
        ("[config]\nrequired = ['PORT']", "config.required[0]: expected another name: HOST, PORT and everything"),
        ("[config]\nrequired = ['PATH']", "and PATH belongs into run.environment"),
        ("[config]\nrequired = 'A'", "config.required: expected a list of at most 100 names of variables"),
        ("[config]\nrequired = ['A']\noptional = ['A']", "config: expected each name once"),
        ("environment = { A = '1' }\n[config]\noptional = ['B', 'A']", "config.optional[1]: expected a name that no"),
        (
            "[config]\nrequired = ['A']\n[environments.staging]\nenvironment = { A = '1' }",
            "lifecycle.toml:6: config.required[0]: expected a name that no environment of this file sets",
        ),
        ("[environments.staging]\nenvironment = { PORT = '1' }", "expected another name: HOST, PORT"),
        (
            "[environments.production]\nautomatic = true",
            "environments.production.automatic: expected false: only",
        ),
        (
            "[environments.staging]\nmax_unavailable = 0",
            "max_unavailable: expected a number of hosts from 1 to 100000, or a percentage",
        ),
        (
            "[environments.staging]\nmax_unavailable = 0x" + "f" * 20_000,
            'or a percentage of them in quotes, such as "25%", found a very large number',
        ),
        (
            "[environments.staging]\nmin_healthy = 100_001",
            "min_healthy: expected a number of hosts from 0 to 100000, or a percentage of them in quotes",
        ),
        (
            "[environments.production]\nmax_unreachable = '101%'",
            "max_unreachable: expected a number of hosts from 0 to 100000, or a percentage",
        ),
        (
            "[build]\ntimeout_seconds = 3301",
            "build.timeout_seconds: expected a whole number of seconds from 1 to 3300, found 3301",
        ),
        (
            "[build]\ncommands = ['make']\nunit_tests = ['make test']\ntimeout_seconds = 1651",
            "toml:8: build.timeout_seconds: expected at most 1650 seconds for each of 2 lists of commands",
        ),
        (
            "[environments.staging]\ndrain_seconds = 841",
            "drain_seconds: expected a whole number of seconds from 1",
        ),
        ("[environments.staging]\napproval = 'maybe'", 'approval: expected "none", "before_first_host" or'),
    ],
)
def test_each_limit_is_named_in_the_message(line: str, expected: str) -> None:
    assert expected in only_problem(RUN + line)


METRIC = RUN + '[checks]\nmetrics = "/m"\n[[metrics]]\nname = "queue"\nbetter = "lower"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            RUN + '[[metrics]]\nname = "queue"\nbetter = "lower"',
            "lifecycle.toml:1: checks.metrics: expected a path",
        ),
        (
            METRIC + "[[metrics]]\nname = 'a b'\nbetter = 'lower'",
            "toml:11: metrics[1].name: expected a metric's",
        ),
        (METRIC + "[[metrics]]\nbetter = 'lower'", "toml:10: metrics[1].name: expected a metric's name"),
        (
            METRIC + "[[metrics]]\nname = 'a'\nbetter = 'more'",
            'metrics[1].better: expected "lower" or "higher"',
        ),
        (METRIC + "matter = 1", 'toml:10: metrics[0].matter: unknown; did you mean "matters"?'),
        (METRIC + "matters = 0", "metrics[0].matters: expected a number above 0"),
        (METRIC + "matters = 'x'", "metrics[0].matters: expected a number above 0"),
        (
            METRIC + "matters = 0.3",
            "metrics[0]: expected excludes to be at least matters, which is 0.3, found 0.25",
        ),
        (
            METRIC + "compare = 'difference'\nmatters = 1.0",
            "metrics[0]: expected matters and excludes, in the",
        ),
        (
            METRIC + "[[metrics]]\nname = 'queue'\nbetter = 'lower'",
            "metrics: expected metrics with different names",
        ),
        (METRIC + "unit = '" + "x" * 21 + "'", "metrics[0].unit: expected a unit of at most 20"),
        (RUN + "[checks]\nmetrics = 'm'", "checks.metrics: expected a path of printable characters"),
        ("metrics = [1]\n" + RUN, "toml:1: metrics[0]: expected a table [[metrics]], found 1"),
        ("metrics = 1\n" + RUN, "toml:1: metrics: expected a list of tables [[metrics]], at most 20"),
        (
            RUN + "".join(f"[[metrics]]\nname = 'm{n}'\nbetter = 'lower'\n" for n in range(21)),
            "metrics: expected a list of tables [[metrics]], at most 20 of them, found a list of 21",
        ),
        (
            RUN + "[environments.staging]\nbake_minutes = 1441",
            "bake_minutes: expected a whole number of minutes from 0 to 1440",
        ),
        (RUN + "[environments.staging]\non_fail = 'go_on'", 'on_fail: expected "halt" or "roll_back"'),
        (RUN + "[environments.staging]\nafter_bake = 'halt'", 'after_bake: expected "go_on" or "ask"'),
    ],
)
def test_problems_of_metrics_and_test_beds_name_line_field_and_expectation(text: str, expected: str) -> None:
    assert expected in only_problem(text)


def test_a_problem_has_the_line_of_its_item_or_of_the_table_when_the_key_is_missing() -> None:
    assert only_problem(RUN + "[build]\ncommands = [\n'make',\n3]").startswith("lifecycle.toml:8: ")
    assert only_problem(HEAD + "\n[run]\nport = 1").startswith("lifecycle.toml:4: run.command: ")


def test_invalid_toml_is_reported_with_line_and_column() -> None:
    assert only_problem(RUN + "port = eighty") == (
        'lifecycle.toml:5: expected TOML; invalid value, column 8 (write text in double quotes, as in name = "hello")'
    )
    assert only_problem(RUN + "port = 1\nport = 2").endswith("(the key occurs twice)")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a = 1\n\xff", "lifecycle.toml:2: expected text in UTF-8, found the byte 0xff"),
        (b"\x7fELF\x00\x01", "lifecycle.toml:1: expected TOML"),
        (b"#" * 70_000, "lifecycle.toml: expected at most 65536 bytes"),
        (b"a = " + b"1" * 5000, "lifecycle.toml: expected numbers of a few digits"),
        (b"a = " + b"[" * 5000, "lifecycle.toml: expected tables and lists a few levels deep"),
        (b"a.b = " + b"{a=" * 5000, "lifecycle.toml: expected tables and lists a few levels deep"),
        (b".".join([b"a"] * 30_000) + b"= 1", "lifecycle.toml:1: expected keys of a few parts"),
        (b"\n[" + b" . ".join([b"'a'"] * 9000) + b"]", "lifecycle.toml:2: expected keys of a few parts"),
    ],
)
def test_malformed_and_oversized_files_are_refused_fast_with_one_line(data: bytes, message: str) -> None:
    started = time.process_time()
    assert only_problem(data).startswith(message)
    assert time.process_time() - started < 5


def test_control_characters_are_escaped_in_messages() -> None:
    found = only_problem(RUN + 'port = "\\u001b[31m\\u009b"')
    assert found.isprintable()


@pytest.mark.parametrize("key", ["cache", "cache_key"])
def test_a_cache_needs_the_files_that_name_it(key: str) -> None:
    found = only_problem(RUN + f'[build]\n{key} = ["a"]')
    assert found.startswith(f"lifecycle.toml:6: build.{key}: expected both cache and cache_key, or neither")


@pytest.mark.parametrize("folder", [".", "..", "/tmp", "a/../b"])
def test_a_cached_folder_is_inside_the_repository(folder: str) -> None:
    found = only_problem(RUN + f'[build]\ncache = ["{folder}"]\ncache_key = ["a"]')
    assert "build.cache[0]: expected a folder inside the repository" in found


@pytest.mark.parametrize(
    ("folders", "found"),
    [
        ('"node_modules", "node_modules/.cache"', '"node_modules/.cache" in "node_modules"'),
        ('"a/b/c", "z", "./a//b"', '"a/b/c" in "a/b"'),
        ('"a", "./a"', '"a" twice'),
    ],
)
def test_cached_folders_are_not_inside_of_each_other(folders: str, found: str) -> None:
    problem = only_problem(RUN + f'[build]\ncache = [{folders}]\ncache_key = ["a"]')
    assert "build.cache: expected folders that are not inside of each other" in problem
    assert problem.endswith(f"found {found}")


def test_cached_folders_may_have_names_that_begin_alike() -> None:
    folders = ("node_modules", "node_modules.d", "web/node_modules")
    assert BuildTable(cache=folders, cache_key=("a",)).cache == folders
