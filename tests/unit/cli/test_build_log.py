"""The log of a build, read page by page from where the last call ended."""

from typing import Any

from botocore.exceptions import ClientError

from apps.cli.build_log import CloudWatchBuildLogs

BUILD = "lifecycle-build:7d3f"


class Pages:
    """A client of CloudWatch Logs, whose token is the number of events before it; a page has two events at most."""

    def __init__(self) -> None:
        self.events: list[str] | None = None

    def get_log_events(self, *, nextToken: str = "", **given: Any) -> dict[str, Any]:  # noqa: N803 - AWS's name
        stream = {"logGroupName": "/aws/codebuild/lifecycle-build", "logStreamName": "7d3f", "startFromHead": True}
        assert given == stream
        if self.events is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetLogEvents")
        begin = int(nextToken or 0)
        page = self.events[begin : begin + 2]
        return {"events": [{"message": each} for each in page], "nextForwardToken": str(begin + len(page))}


def test_log_is_read_on_from_its_last_position() -> None:
    client = Pages()
    logs = CloudWatchBuildLogs(client)
    assert logs.read(BUILD, "") == ([], "")
    client.events = ["one\n", "two", "three"]
    lines, position = logs.read(BUILD, "")
    assert lines == ["one", "two", "three"]
    assert logs.read(BUILD, position) == ([], position)
    client.events.append("four")
    assert logs.read(BUILD, position)[0] == ["four"]
