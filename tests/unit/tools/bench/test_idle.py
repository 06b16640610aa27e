from tools.bench.idle import percentages


def test_percent_of_a_core_is_that_of_the_time_that_passed() -> None:
    before = {1: ("agents", 5.0), 2: ("emulator", 1.0)}
    after = {1: ("agents", 5.6), 2: ("emulator", 2.2), 3: ("agents", 0.6)}
    assert percentages(before, after, 60.0) == {"total": 4.0, "agents": 2.0, "emulator": 2.0}
