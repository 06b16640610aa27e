"""The self-test: check this installation with its data. The agent requests it before the host gets traffic."""


def self_test(greeter, switches, version):
    """Return every check as {"name", "passed", "detail"}; run all checks, also after a failure."""
    checks = {
        "data": lambda: _data(greeter),
        "greeting": lambda: _greeting(greeter),
        "version": lambda: _version(version),
        "switches": lambda: _switches(switches),
    }
    return [_run(name, check) for name, check in checks.items()]


def _run(name, check):
    try:
        return {"name": name, "passed": True, "detail": check()}
    except Exception as error:  # noqa: BLE001 - any error is this check's result
        return {"name": name, "passed": False, "detail": f"{type(error).__name__}: {error}"}


def _data(greeter):
    incomplete = [language for language, form in greeter.forms.items() if "{name}" not in form]
    if incomplete or "en" not in greeter.forms:
        raise ValueError(
            f"greetings.json: expected {{name}} in every language and English, found none in {incomplete}"
        )
    return f"{len(greeter.forms)} languages"


def _greeting(greeter):
    for language in greeter.forms:
        if "Ada" not in greeter.greet("Ada", language):
            raise ValueError(f"does not greet Ada in {language}")
    return greeter.greet("Ada")


def _version(version):
    if not version:
        raise ValueError("LIFECYCLE_VERSION is not set")
    return version


def _switches(switches):
    if switches.self_test_fails:
        raise ValueError("switches.toml says that the self-test fails")
    return "no switch makes the self-test fail"
