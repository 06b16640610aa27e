import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from apps.local.errors import LaptopError, PortsTaken
from apps.local.ports import LOOPBACK, Ports, check, is_free, next_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_taken_port_is_reported_with_its_holder_and_a_way_to_choose_another(taken: int) -> None:
    with pytest.raises(PortsTaken) as refused:
        check(replace(Ports.free(), emulator=taken).fixed())
    message = str(refused.value)
    assert message.startswith(f"nothing was started:\n  port {taken} (emulator) is taken by pid {os.getpid()} (")
    assert f"LIFECYCLE_PORTS=emulator={taken + 1000}" in message


def test_every_taken_port_is_reported(taken: int) -> None:
    with pytest.raises(PortsTaken, match=r"(?s)production.*staging"):
        check(replace(Ports.free(), production=taken, staging=taken).fixed())


def test_free_ports_pass() -> None:
    check(Ports.free().fixed())


def test_port_is_taken_at_one_address_only(taken: int) -> None:
    assert not is_free(LOOPBACK, taken)
    assert is_free("127.0.10.99", taken)


def test_the_next_free_port_skips_taken_and_reserved_ones(taken: int) -> None:
    found = next_free(LOOPBACK, taken, avoid=frozenset({taken + 1}))
    assert found > taken + 1


def test_ports_are_chosen_by_name() -> None:
    assert Ports.parse("emulator=5566, production=9090") == Ports(emulator=5566, production=9090)


@pytest.mark.parametrize("text", ["emulator", "emulator=", "emulator=x", "emulator=0", "emulator=70000", "smtp=25"])
def test_invalid_port_is_refused_with_the_allowed_names(text: str) -> None:
    with pytest.raises(LaptopError, match="NAME one of balancer, builder, console, emulator"):
        Ports.parse(text)


def test_free_ports_differ_from_each_other() -> None:
    ports = Ports.free()
    assert len(set(ports.fixed().values())) == len(ports.fixed())


def test_port_released_within_the_timeout_is_not_taken() -> None:
    holder = socket.create_server((LOOPBACK, 0))
    number = int(holder.getsockname()[1])
    threading.Timer(0.2, holder.close).start()
    with pytest.raises(PortsTaken, match=str(number)):
        check({"emulator": number})
    check({"emulator": number}, timeout_seconds=60.0)
    assert is_free(LOOPBACK, number)
