"""The commands of a build: their order and their environment."""

from apps.build.steps import service_environment, steps
from lifecycle.servicefile.model import BuildTable


def test_build_commands_run_before_unit_tests_before_integration_tests() -> None:
    build = BuildTable(commands=("a", "b"), integration_tests=("d",), unit_tests=("c",))
    assert [(step.name, step.command) for step in steps(build)] == [
        ("build 1/2", "a"),
        ("build 2/2", "b"),
        ("unit tests 1/1", "c"),
        ("integration tests 1/1", "d"),
    ]


def test_a_build_without_commands_has_no_steps() -> None:
    assert list(steps(BuildTable())) == []


def test_the_commands_do_not_inherit_credentials_or_python_settings() -> None:
    environ = {
        "PATH": "/bin",
        "JAVA_HOME": "/java",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/credentials",
        "AWS_ENDPOINT_URL": "http://127.0.0.1",
        "ECS_CONTAINER_METADATA_URI": "http://169.254.170.2",
        "ARTIFACT_BUCKET": "bucket",
        "PYTHONPATH": "/tools",
        "PYTHONSAFEPATH": "1",
        "PORT": "1",
        "HOST": "127.0.0.1",
        "GIT_DIR": "/elsewhere",
        "LIFECYCLE_HOME": "/state",
        "LIFECYCLE_COMMIT": "c" * 40,
        "LIFECYCLE_BRANCH": "main",
        "LIFECYCLE_REPOSITORY": "url",
    }
    assert service_environment(environ, {}) == {
        "PATH": "/bin",
        "JAVA_HOME": "/java",
        "LIFECYCLE_COMMIT": "c" * 40,
        "LIFECYCLE_BRANCH": "main",
        "LIFECYCLE_REPOSITORY": "url",
    }


def test_declared_variables_override_inherited_ones() -> None:
    assert service_environment({"A": "1", "B": "2"}, {"B": "3", "PYTHONPATH": "src"}) == {
        "A": "1",
        "B": "3",
        "PYTHONPATH": "src",
    }
