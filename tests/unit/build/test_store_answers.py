"""Answers of S3 to a build: two writers at once are tried again, and every other answer is an error in words."""

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError

from apps.build.main import main
from apps.build.s3 import S3Snapshots
from lifecycle.domain.errors import CallFailed
from lifecycle.names import Variable
from tests.support.rollout import manifest

MANIFEST = manifest("1.0.0")
UPLOAD = "incoming/AROA:AWSCodeBuild-1"


def refused(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "PutObject")


class Store:
    """An S3 client whose writes raise these errors, one after the other, and whose bodies end with one."""

    def __init__(self, *errors: Exception, body: Exception | None = None) -> None:
        self.errors = list(errors)
        self.written: list[bytes] = []
        self._body = body

    def put_object(self, *, Body: Any, **_: Any) -> None:  # noqa: N803
        found = Body if isinstance(Body, bytes) else Body.read()
        if self.errors:
            raise self.errors.pop(0)
        self.written.append(found)

    def get_object(self, **_: Any) -> Any:
        return {"Body": self}

    head_object = get_object

    def read(self) -> bytes:
        assert self._body is not None
        raise self._body


@pytest.mark.parametrize("code", ["ConditionalRequestConflict", "OperationAborted", "409"])
def test_two_writers_at_once_are_tried_again_from_the_first_byte(code: str, tmp_path: Path) -> None:
    artifact = tmp_path / "artifact.tar.gz"
    artifact.write_bytes(b"all of it")
    store, slept = Store(refused(code, 409), refused(code, 409)), list[float]()
    S3Snapshots(store, "artifacts", UPLOAD, slept.append).add_artifact(MANIFEST, artifact)
    assert store.written == [b"all of it"]
    assert len(slept) == 2


@pytest.mark.parametrize(
    ("code", "words"),
    [("AccessDenied", "permission"), ("ExpiredToken", "log in again"), ("SlowDown", "try again")],
)
def test_refused_write_names_the_object_and_what_to_do(code: str, words: str) -> None:
    with pytest.raises(CallFailed, match=words) as failed:
        S3Snapshots(Store(refused(code)), "artifacts", UPLOAD).add_manifest(MANIFEST)
    assert f"s3://artifacts/{UPLOAD}/{MANIFEST.prefix}/manifest.json" in str(failed.value)


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url="https://s3"),
        ResponseStreamingError(error="cut"),
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
    ],
)
def test_manifest_that_is_cut_off_is_an_error_in_words(error: Exception) -> None:
    store = Store(refused("PreconditionFailed", 412), body=error)
    with pytest.raises(CallFailed, match="try again"):
        S3Snapshots(store, "artifacts", UPLOAD).add_manifest(MANIFEST)


def test_build_without_a_region_ends_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "no region at all")
    monkeypatch.setenv(Variable.ARTIFACT_BUCKET, "artifacts")
    monkeypatch.chdir(tmp_path)
    assert main([]) == 1
    assert "expected an AWS region" in capsys.readouterr().err
