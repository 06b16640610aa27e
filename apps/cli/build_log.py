"""The log of a build in CloudWatch Logs, read on from where the last call ended; made by connection.py."""

from collections.abc import Sequence
from typing import Any

from lifecycle.gateways.aws.errors import code_of, translated
from lifecycle.names import BUILD_PROJECT, build_log


@translated
class CloudWatchBuildLogs:
    """Implements the port BuildLogs. CodeBuild writes each build to the stream of its id's last part."""

    def __init__(self, logs: Any) -> None:
        self._logs = logs

    def read(self, build: str, position: str) -> tuple[Sequence[str], str]:
        lines = list[str]()
        while True:
            more = {"nextToken": position} if position else {}
            try:
                page = self._logs.get_log_events(
                    logGroupName=build_log(BUILD_PROJECT),
                    logStreamName=build.rpartition(":")[2],
                    startFromHead=True,
                    **more,
                )
            except Exception as error:
                if code_of(error) == "ResourceNotFoundException":  # the build has not written a line yet
                    return lines, position
                raise
            lines += [event["message"].rstrip("\n") for event in page["events"]]
            # At the end AWS returns the token that it was given. A page may be empty before that.
            if page["nextForwardToken"] == position:
                return lines, position
            position = page["nextForwardToken"]
