"""Reports and log lines are masked before they are cut, so that no part of a value is left."""

import shlex
from pathlib import Path

import pytest

from apps.agent import service_log
from apps.agent.errors import ServiceFailed
from apps.agent.log_shipping import LogShipper
from apps.agent.masking import Masking
from apps.agent.self_test import self_test
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.service.manifest import Check
from tests.fakes.service_logs import MemoryLogSink, MemoryServiceLogs

SECRET = "".join(f"{n:04d}-" for n in range(1600))
MASKING = Masking([{"KEY": SECRET}])


def parts_of(text: str) -> list[str]:
    return [SECRET[at : at + 10] for at in range(0, len(SECRET), 10) if SECRET[at : at + 10] in text]


@pytest.mark.parametrize("before", ["", "connecting with ", "x" * 450])
@pytest.mark.parametrize("length", [100, 1000, 8000])
def test_end_of_the_log_has_no_part_of_a_value(tmp_path: Path, before: str, length: int) -> None:
    masking, log = Masking([{"KEY": SECRET[:length]}]), tmp_path / "service.log"
    for after in ("", "\nfailed\n", "\n" + "m" * 3900 + "\nend\n"):
        log.write_text(f"starting\n{before}{SECRET[:length]}{after}")
        tail = service_log.tail(log, 0.0, masking.part)
        assert not parts_of(tail)
        assert "[KEY]" in tail


@pytest.mark.parametrize("after", ["", " is wrong", "." * 395])
def test_result_of_a_self_test_has_no_part_of_a_value(tmp_path: Path, after: str) -> None:
    check = Check(path=None, command=f"cat {shlex.quote(str(tmp_path / 'said'))}; exit 1", timeout_seconds=5)
    (tmp_path / "said").write_text(f"it is {SECRET}{after}")
    with pytest.raises(ServiceFailed, match=r"\[KEY\]") as failed:
        self_test(check, "127.0.0.1", 1, tmp_path, {"PATH": "/bin:/usr/bin"}, MASKING.part)
    assert not parts_of(str(failed.value))


def test_long_line_that_is_sent_in_two_chunks_has_no_part_of_a_value(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    sink = MemoryLogSink(MemoryServiceLogs(), Cluster("production", "hello"))

    def mask(text: str, *, part: bool = False) -> str:
        return MASKING.part(text) if part else MASKING.whole(text)

    (tmp_path / "logs" / "service.log").write_text("x" * (512 * 1024 - 3000) + SECRET + "y" * 100 + "\nlast\n")
    assert LogShipper(tmp_path, sink, mask=mask).ship()
    assert not parts_of("".join(sink.texts))
    assert sink.texts[-2:] == ["[KEY]" + "y" * 100, "last"]
