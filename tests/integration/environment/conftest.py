"""A service's repository on a laptop, and a push to it."""

from pathlib import Path

import pytest

from apps.local.git.post_receive_hook import PushedRef
from apps.local.git.repositories import adopt, git
from apps.local.paths import Layout

SECRET = b"a secret of the webhook"


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, Path]:
    """Return a service's bare repository and working copy."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "lifecycle.toml").write_text('name = "hello"\n')
    copy = adopt(Layout(tmp_path / "home"), "hello", source)
    return tmp_path / "home" / "repositories" / "hello.git", copy


def pushed(bare: Path, copy: Path) -> PushedRef:
    (bare / "hooks" / "post-receive").unlink()
    git(copy, "push", "--quiet")
    return PushedRef("0" * 40, git(copy, "rev-parse", "HEAD").strip(), "refs/heads/main")
