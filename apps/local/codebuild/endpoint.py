"""The CodeBuild endpoint: it forwards every call to the emulator, and puts the real build into the answer.

An answer of the emulator other than 200 is returned unchanged, and changes nothing here.
"""

import json
import threading
from typing import Any

from apps.local.aws import proxied_call
from apps.local.aws.proxy import Forward, failure
from apps.local.codebuild import build_record as records
from apps.local.codebuild.account import Account
from apps.local.codebuild.builds import Builds
from apps.local.http_server import Request, Response
from lifecycle.domain.errors import InvalidJson
from lifecycle.domain.foreign_json import parse_object

_TARGET = "CodeBuild_20161006."
_JSON = (("Content-Type", "application/x-amz-json-1.1"),)


class Endpoint:
    """Answers calls with the builds of this service."""

    def __init__(self, builds: Builds, account: Account) -> None:
        self._builds, self._account = builds, account
        self._starting = threading.Lock()

    def answer(self, request: Request, forward: Forward) -> Response:
        if problem := proxied_call.refusal(request, "codebuild", _TARGET):
            return failure(request, 403, "AccessDeniedException", problem)
        action = request.header("x-amz-target").removeprefix(_TARGET)
        try:
            arguments = parse_object(request.body or b"{}")
        except InvalidJson as error:
            return failure(request, 400, "SerializationException", str(error))
        if action == "StartBuild":
            with self._starting:
                return self._start(request, arguments, forward)
        answer = forward(request)
        return self._noted(action, answer) if answer.status == 200 else answer

    def _noted(self, action: str, answer: Response) -> Response:
        """Do to the real builds what the emulator has done, and return its answer with them."""
        found = parse_object(answer.body or b"{}")
        if action == "StopBuild":
            stopped = found["build"]
            self._builds.stop(stopped["id"])
            return _json({"build": self._shown(stopped)})
        if action == "BatchGetBuilds":
            return _json(found | {"builds": [self._shown(each) for each in found["builds"]]})
        if action == "BatchDeleteBuilds":
            for identity in found["buildsDeleted"]:
                self._builds.forget(identity)
        return answer

    def _start(self, request: Request, arguments: dict[str, Any], forward: Forward) -> Response:
        answer = forward(request)
        if answer.status != 200:
            return answer
        accepted = parse_object(answer.body)["build"]
        if (earlier := self._builds.earlier(arguments)) is None:
            return _json({"build": self._builds.start(accepted, arguments)})
        # The emulator ignores the token, so it has made another build.
        self._account.forget_builds([accepted["id"]])
        if self._builds.request(earlier) != arguments:
            message = f"idempotencyToken was used with other parameters, by build {earlier}"
            return failure(request, 400, "InvalidInputException", message)
        return _json({"build": self._builds.record(earlier)})

    def _shown(self, build: dict[str, Any]) -> dict[str, Any]:
        if found := self._builds.record(build["id"]):
            return build | found
        # The emulator reports every build as succeeded.
        shown = dict(build) | {"phases": []}
        records.fault(shown, "the build never ran: it was not started through the build service")
        return shown


def _json(value: Any) -> Response:
    return Response(200, json.dumps(value).encode(), _JSON)
