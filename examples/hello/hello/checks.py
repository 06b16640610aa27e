"""The self-test: does this installation really work, data and all? Asked on the host, before it gets traffic."""


def self_test(greeter, switches, version):
    """Every check as {"name", "passed", "detail"}; none of them is skipped because another failed."""
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
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
        return {"name": name, "passed": False, "detail": f"{type(error).__name__}: {error}"}


def _data(greeter):
    without = [language for language, form in greeter.forms.items() if "{name}" not in form]
    if without or "en" not in greeter.forms:
        raise ValueError(f"greetings.json: no name in {without}, or no English")
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
    return "none is set against the self-test"
