from tools.bench.processes import spent


def test_cpu_time_from_before_does_not_count() -> None:
    assert spent({1: ("emulator", 4.0)}, {1: ("emulator", 4.5)}) == {"emulator": 0.5}


def test_a_process_that_started_in_between_counts_fully() -> None:
    assert spent({}, {2: ("services", 0.25)}) == {"services": 0.25}


def test_a_reused_pid_counts_fully() -> None:
    assert spent({3: ("lambda workers", 9.0)}, {3: ("services", 0.5)}) == {"services": 0.5}


def test_processes_of_one_part_are_added_up() -> None:
    before = {1: ("agents", 1.0), 2: ("agents", 2.0)}
    after = {1: ("agents", 1.5), 2: ("agents", 2.25)}
    assert spent(before, after) == {"agents": 0.75}
