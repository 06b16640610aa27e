"""Lifecycle's own repositories, commits and hook, for a person whose Git is set up in another way."""

import os
import shlex
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from apps.local.codebuild.cancellation import Cancellation
from apps.local.codebuild.sources import clone
from apps.local.errors import LaptopError
from apps.local.git.post_receive_hook import PushedRef, push_event
from apps.local.git.repositories import adopt, commit_all, git, write_hooks
from apps.local.paths import Layout


@dataclass(frozen=True)
class Person:
    """A person with a folder for hooks and templates, and with settings of Git that break most things."""

    home: Path

    def write(self, text: str) -> None:
        (self.home / ".gitconfig").write_text(text)

    def push(self, copy: Path, *options: str, **ambient: str) -> "subprocess.CompletedProcess[str]":
        """Push as a person does, whose shell has these variables too."""
        variables = {"PATH": os.environ["PATH"], "HOME": str(self.home), **ambient}
        named = () if any(not each.startswith("-") for each in options) else ("HEAD",)
        command = ["git", "-C", str(copy), "push", "lifecycle", *options, *named]
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    home = tmp_path / "home of Zoë"
    home.mkdir()
    for name in ("pre-commit", "commit-msg", "post-checkout", "post-commit"):
        executable(home / "hooks" / name, "#!/bin/sh\nexit 1\n")
        executable(home / "template" / "hooks" / name, "#!/bin/sh\nexit 1\n")
    monkeypatch.setenv("HOME", str(home))
    found = Person(home)
    found.write(
        "[user]\n\tname = Zoë\n\temail = zoe@example.org\n\tsigningkey = none-such\n"
        f"[core]\n\thooksPath = {home}/hooks\n\tautocrlf = true\n\tfsmonitor = false\n"
        "[commit]\n\tgpgsign = true\n[tag]\n\tgpgsign = true\n[gpg]\n\tprogram = false\n"
        f"[safe]\n\tbareRepository = explicit\n[init]\n\ttemplateDir = {home}/template\n\tdefaultBranch = trunk\n"
        "[status]\n\tshowUntrackedFiles = no\n[alias]\n\tcommit = false\n[color]\n\tui = always\n"
    )
    return found


@pytest.fixture
def copy(person: Person, tmp_path: Path) -> Path:
    """Return the working copy of an added folder."""
    source = tmp_path / "source of Zoë"
    source.mkdir()
    (source / "lifecycle.toml").write_text('name = "hello"\n')
    return adopt(Layout(tmp_path / "environment of Zoë"), "hello", source)


def bare_of(copy: Path) -> Path:
    return copy.parents[1] / "repositories" / "hello.git"


def test_folder_is_added_and_committed_in_the_persons_name(copy: Path) -> None:
    (copy / "new").write_text("x")
    assert commit_all(copy, "More") == git(copy, "rev-parse", "main").strip()
    assert git(copy, "show", "--no-patch", "--format=%an <%ae>", "HEAD").strip() == "Zoë <zoe@example.org>"


def test_push_reaches_lifecycles_hook_past_the_persons_own_hooks(person: Person, copy: Path) -> None:
    done = person.push(copy)
    assert done.returncode == 0, done.stderr
    assert "the push is stored, but its run was not started" in done.stderr
    assert "Traceback" not in done.stderr


def test_hook_needs_no_permission_to_read_its_bare_repository(person: Person, copy: Path) -> None:
    person.push(copy)
    commit = git(copy, "rev-parse", "HEAD").strip()
    event = push_event(bare_of(copy), PushedRef("0" * 40, commit, "refs/heads/main"))
    assert event["pusher"] == {"name": "Zoë", "email": "zoe@example.org"}


def test_hook_inherits_no_setting_of_another_aws_python_or_proxy(person: Person, copy: Path) -> None:
    """The hook writes its variables here, where its Python program would read them."""
    hook = bare_of(copy) / "hooks" / "post-receive"
    found = person.home / "found"
    program = person.home / "python"
    executable(program, f'#!/bin/sh\nenv > "{found}"\n')
    text, python = hook.read_text(), next(word for word in hook.read_text().split() if word.endswith("/python"))
    hook.write_text(text.replace(f" {python} ", f' "{program}" '))
    ambient = {"AWS_PROFILE": "company", "HTTP_PROXY": "http://p", "PYTHONIOENCODING": "ascii", "USER": "zoë"}
    person.push(copy, **ambient, AWS_CONFIG_FILE="/root")
    names = {line.partition("=")[0] for line in found.read_text().splitlines()}
    allowed = {"PATH", "HOME", "USER", "GIT_DIR", "PYTHONUTF8", "LIFECYCLE_HOME", "PYTHONPATH", "PWD", "_", "SHLVL"}
    assert names <= allowed | {"OLDPWD"}
    assert "USER=zoë" in found.read_text()


def test_build_clones_what_was_pushed(person: Person, copy: Path, tmp_path: Path) -> None:
    (copy / "script").write_text("one\ntwo\n")
    commit = commit_all(copy, "A script")
    person.push(copy)
    folder = tmp_path / "clone"
    folder.mkdir()
    variables = {"PATH": os.environ["PATH"], "HOME": str(person.home)}
    assert clone(str(bare_of(copy)), "main", folder, variables, Cancellation()) == commit
    assert (folder / "script").read_bytes() == b"one\ntwo\n"


def test_broken_settings_of_git_are_ignored(person: Person, copy: Path) -> None:
    person.write("[user\n")
    (copy / "new").write_text("x")
    assert commit_all(copy, "More")


RECEIVING = {
    "denyNonFastForwards": "[receive]\n\tdenyNonFastForwards = true\n",
    "hideRefs": "[transfer]\n\thideRefs = refs/heads/main\n[receive]\n\thideRefs = refs/heads\n",
    "procReceiveRefs": "[receive]\n\tprocReceiveRefs = refs\n",
    "maxInputSize": "[receive]\n\tmaxInputSize = 10\n",
    "keepAlive": "[receive]\n\tkeepAlive = x\n",
    "fsckObjects": "[transfer]\n\tfsckObjects = true\n",
    "denyDeletes": "[receive]\n\tdenyDeletes = true\n\tdenyCurrentBranch = x\n",
    "pushOption": "[push]\n\tpushOption = ci.skip\n[receive]\n\tadvertisePushOptions = false\n",
    "alternateRefsCommand": "[core]\n\talternateRefsCommand = exit 1\n",
}


@pytest.mark.parametrize("setting", RECEIVING)
def test_no_setting_of_the_person_refuses_a_push(person: Person, copy: Path, setting: str) -> None:
    assert person.push(copy).returncode == 0
    person.write(RECEIVING[setting])
    # A commit of an older Git, with a time zone that a check refuses; it replaces the one before.
    tree = git(copy, "rev-parse", "HEAD^{tree}").strip()
    old = f"tree {tree}\nauthor O <o@x> 1 +051800\ncommitter O <o@x> 1 +051800\n\nold\n"
    made = subprocess.run(
        ["git", "-C", str(copy), "hash-object", "-t", "commit", "-w", "--stdin", "--literally"],
        input=old, capture_output=True, text=True, check=True,
    )  # fmt: skip
    git(copy, "reset", "--quiet", "--hard", made.stdout.strip())
    done = person.push(copy, "--force")
    assert done.returncode == 0, done.stderr
    assert git(bare_of(copy), "rev-parse", "main") == made.stdout
    assert person.push(copy, "HEAD:refs/heads/other").returncode == 0
    assert person.push(copy, "--delete", "other").returncode == 0
    assert person.push(copy, "--delete", "main").returncode != 0


def test_settings_hold_for_a_push_from_another_clone(person: Person, copy: Path, tmp_path: Path) -> None:
    person.push(copy)
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", "--origin=lifecycle", str(bare_of(copy)), str(other))
    person.write("".join(RECEIVING[each] for each in ("denyNonFastForwards", "hideRefs", "maxInputSize")))
    git(other, "-c", "user.name=A", "-c", "user.email=a@x", "commit", "--quiet", "--amend", "--message=New")
    done = person.push(other, "--force")
    assert done.returncode == 0, done.stderr


def test_settings_of_an_older_environment_are_renewed(person: Person, copy: Path, tmp_path: Path) -> None:
    git(copy, "config", "--unset", "remote.lifecycle.receivepack")
    write_hooks(Layout(tmp_path / "environment of Zoë"))
    person.write(RECEIVING["keepAlive"])
    assert person.push(copy).returncode == 0


@pytest.mark.parametrize("key", ["url", "pushurl"])
def test_foreign_remote_is_refused_with_the_command_that_mends_it(copy: Path, tmp_path: Path, key: str) -> None:
    layout, name = Layout(tmp_path / "environment of Zoë"), f"remote.lifecycle.{key}"
    git(copy, "config", name, "git@github.com:acme/lifecycle.git")
    before, layout_before = (copy / ".git" / "config").read_text(), layout.services.read_text()
    with pytest.raises(
        LaptopError, match=r"found git@github.com:acme/lifecycle\.git; give it another name"
    ) as refused:
        adopt(layout, "hello", copy)
    assert ((copy / ".git" / "config").read_text(), layout.services.read_text()) == (before, layout_before)
    command = str(refused.value).rpartition("then add again: ")[2]
    subprocess.run(shlex.split(command), check=True)
    adopt(layout, "hello", copy)
    assert git(copy, "remote", "get-url", "--push", "lifecycle").strip() == str(bare_of(copy))


def test_remote_of_an_environment_that_is_gone_is_replaced(copy: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone" / "repositories" / "hello.git"
    git(copy, "config", "--add", "remote.lifecycle.url", str(gone))
    git(copy, "config", "remote.lifecycle.pushurl", str(gone))
    adopt(Layout(tmp_path / "environment of Zoë"), "hello", copy)
    assert git(copy, "remote", "get-url", "--all", "lifecycle").strip() == str(bare_of(copy))
    assert git(copy, "remote", "get-url", "--push", "--all", "lifecycle").strip() == str(bare_of(copy))


@pytest.mark.usefixtures("person")
def test_repository_with_sha256_is_refused_with_the_commands_that_mend_it(tmp_path: Path) -> None:
    other, layout = tmp_path / "my sha256", Layout(tmp_path / "other")
    git(tmp_path, "init", "--quiet", "--object-format=sha256", "--initial-branch=trunk", str(other))
    (other / "file").write_text("x")
    commit_all(other, "Begin")
    with pytest.raises(LaptopError, match="expected a repository with SHA-1") as refused:
        adopt(layout, "hello", other)
    assert not layout.services.exists()
    commands = str(refused.value).rpartition("then add the copy: ")[2]
    without_hooks = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    subprocess.run(["sh", "-e", "-c", commands], env=without_hooks, check=True, capture_output=True)
    new = tmp_path / "my sha256-sha1"
    assert (new / "file").read_text() == "x"
    assert adopt(layout, "hello", new) == new


def test_shallow_clone_is_refused_with_the_command_that_mends_it(person: Person, copy: Path, tmp_path: Path) -> None:
    (copy / "new").write_text("x")
    commit_all(copy, "More")
    shallow = tmp_path / "my shallow clone"
    git(tmp_path, "clone", "--quiet", "--depth=1", copy.as_uri(), str(shallow))
    layout = Layout(tmp_path / "other")
    with pytest.raises(LaptopError, match=f"shallow clone.*git -C '{shallow}' fetch --unshallow"):
        adopt(layout, "hello", shallow)
    assert not layout.services.exists()
    git(shallow, "fetch", "--quiet", "--unshallow")
    assert adopt(layout, "hello", shallow) == shallow
