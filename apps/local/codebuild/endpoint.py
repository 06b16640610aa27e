"""The CodeBuild endpoint: every call goes on to the emulator; what a build really does is put over its answer.

An answer of the emulator other than 200 goes back as it is, and changes nothing.
"""

import json
import threading
from typing import Any

from apps.local.aws.proxy import Forward, failure
from apps.local.codebuild import build_record as records
from apps.local.codebuild.account import Account
from apps.local.codebuild.builds import Builds
from apps.local.http_server import Request, Response

_JSON = (("Content-Type", "application/x-amz-json-1.1"),)


class Endpoint:
    """Answers calls with the builds of this service."""

    def __init__(self, builds: Builds, account: Account) -> None:
        self._builds, self._account = builds, account
        self._starting = threading.Lock()

    def answer(self, request: Request, forward: Forward) -> Response:
        action = request.header("x-amz-target").partition(".")[2]
        if action == "StartBuild":
            with self._starting:
                return self._start(request, forward)
        answer = forward(request)
        if answer.status != 200:
            return answer
        asked, found = json.loads(request.body or b"{}"), json.loads(answer.body or b"{}")
        if action == "StopBuild":
            self._builds.stop(asked["id"])
            return _json({"build": self._shown(found["build"])})
        if action == "BatchGetBuilds":
            return _json(found | {"builds": [self._shown(each) for each in found["builds"]]})
        if action == "BatchDeleteBuilds":
            for identity in found["buildsDeleted"]:
                self._builds.forget(identity)
        return answer

    def _start(self, request: Request, forward: Forward) -> Response:
        answer = forward(request)
        if answer.status != 200:
            return answer
        asked, accepted = json.loads(request.body), json.loads(answer.body)["build"]
        if (earlier := self._builds.asked_before(asked)) is None:
            return _json({"build": self._builds.start(accepted, asked)})
        # The emulator keeps no tokens and has made one build more.
        self._account.forget_builds([accepted["id"]])
        if self._builds.asked(earlier) != asked:
            message = f"idempotencyToken was used with other parameters, by build {earlier}"
            return failure(request, 400, "InvalidInputException", message)
        return _json({"build": self._builds.record(earlier)})

    def _shown(self, build: dict[str, Any]) -> dict[str, Any]:
        if found := self._builds.record(build["id"]):
            return build | found
        # The emulator says of every build that it succeeded.
        shown = dict(build) | {"phases": []}
        records.faulted(shown, "the build never ran: it was not started at the build service")
        return shown


def _json(value: Any) -> Response:
    return Response(200, json.dumps(value).encode(), _JSON)
