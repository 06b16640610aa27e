"""The variables and Git settings of a user that reach a process of Lifecycle."""

from lifecycle.ambient import for_git, for_python, inherited, personal, without_python

AMBIENT = {
    "PATH": "/bin",
    "HOME": "/home/zoë",
    "AWS_PROFILE": "company",
    "AWS_ENDPOINT_URL": "http://elsewhere",
    "HTTP_PROXY": "http://proxy",
    "https_proxy": "http://proxy",
    "PYTHONPATH": "/home/zoë/other",
    "PYTHONIOENCODING": "ascii",
    "GIT_DIR": "/elsewhere",
    "GIT_TEMPLATE_DIR": "/templates",
}


def test_no_variable_of_another_aws_proxy_python_or_git_is_inherited() -> None:
    assert inherited(AMBIENT) == {"PATH": "/bin", "HOME": "/home/zoë"}


def test_python_finds_the_given_code_only_and_reads_utf_8() -> None:
    assert for_python(AMBIENT, "/code") == {**inherited(AMBIENT), "PYTHONPATH": "/code", "PYTHONUTF8": "1"}


def test_build_keeps_all_variables_but_those_of_python() -> None:
    assert set(AMBIENT) - set(without_python(AMBIENT)) == {"PYTHONPATH", "PYTHONIOENCODING"}


def test_git_reads_no_settings_of_the_person_or_the_system() -> None:
    found = for_git(AMBIENT, [("user.name", "Zoë")])
    assert found["GIT_CONFIG_GLOBAL"] == "/dev/null"
    assert found["GIT_CONFIG_NOSYSTEM"] == "1"
    assert "GIT_DIR" not in found
    assert "GIT_TEMPLATE_DIR" not in found
    last = int(found["GIT_CONFIG_COUNT"]) - 1
    assert (found[f"GIT_CONFIG_KEY_{last}"], found[f"GIT_CONFIG_VALUE_{last}"]) == ("user.name", "Zoë")


def test_only_identity_and_access_of_a_person_are_kept() -> None:
    listed = (
        "user.name\nZoë\nand more\0user.signingkey\nABC\0commit.gpgsign\ntrue\0core.hookspath\n/hooks\0"
        "credential.https://example.org.helper\nstore\0http.proxy\nhttp://p\0url.git@x:.insteadof\nhttps://x/\0"
        "safe.directory\n*\0safe.barerepository\nexplicit\0init.templatedir\n/t\0http.emptyauth\0"
    )
    assert personal(listed) == (
        ("user.name", "Zoë\nand more"),
        ("credential.https://example.org.helper", "store"),
        ("http.proxy", "http://p"),
        ("url.git@x:.insteadof", "https://x/"),
        ("safe.directory", "*"),
        ("http.emptyauth", "true"),
    )
