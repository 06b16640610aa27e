"""Publishes a template's assets where the template expects them: zips and files in the emulator's S3."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from apps.local.aws.assembly import Template
from apps.local.paths import ACCOUNT, REGION

# The oldest time that a zip can hold, so that the same folder always gives the same bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def publish(s3: Any, template: Template) -> str:
    """Upload the assets that are missing; return `bucket/key` of the template itself."""
    address = ""
    for asset in json.loads(template.assets.read_text())["files"].values():
        source = asset["source"]
        path = template.assets.parent / source["path"]
        for destination in asset["destinations"].values():
            bucket, key = _resolve(destination["bucketName"]), _resolve(destination["objectKey"])
            if path.name == template.path.name:
                address = f"{bucket}/{key}"
            _ensure_bucket(s3, bucket)
            if not _exists(s3, bucket, key):
                content = zipped(path) if source["packaging"] == "zip" else path.read_bytes()
                s3.put_object(Bucket=bucket, Key=key, Body=content)
    return address


def zipped(folder: Path) -> bytes:
    """Zip a folder; the bytes depend on nothing but the files' names, modes and content."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_dir():
                continue
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            entry.external_attr = (0o100755 if path.stat().st_mode & 0o100 else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def _resolve(text: str) -> str:
    replacements = {"${AWS::AccountId}": ACCOUNT, "${AWS::Region}": REGION, "${AWS::Partition}": "aws"}
    for name, value in replacements.items():
        text = text.replace(name, value)
    return text


def _ensure_bucket(s3: Any, bucket: str) -> None:
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError:
        s3.create_bucket(Bucket=bucket)


def _exists(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise
    return True
