"""The access log of Envoy, read from a real file."""

from pathlib import Path

from apps.local.dispatcher.access_log import LARGEST, RequestsLog


def test_log_is_read_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "requests.log"
    path.write_text("old 200 1 -\n")
    log = RequestsLog(path)
    assert list(log.new()) == []
    with path.open("a") as envoy:
        envoy.write("hello 200 1 -\nhello 20")
        envoy.flush()
        assert [each.status for each in log.new()] == [200]
        envoy.write("4 2 -\n")
        envoy.flush()
        assert [each.status for each in log.new()] == [204]


def test_large_log_is_emptied_and_read_further(tmp_path: Path) -> None:
    path = tmp_path / "requests.log"
    log = RequestsLog(path)
    line = "hello 200 1 -\n"
    with path.open("a") as envoy:
        envoy.write(line * (LARGEST // len(line) + 1))
        envoy.flush()
        assert len(list(log.new())) == LARGEST // len(line) + 1
        assert path.stat().st_size == 0
        envoy.write(line)
        envoy.flush()
        assert len(list(log.new())) == 1
