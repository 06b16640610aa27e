"""Heads that have no run, since nothing ran when they were pushed: `local up` and `local add` deliver them."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apps.local.git.missed_pushes import missed
from apps.local.git.post_receive_hook import signed_headers
from apps.local.git.repositories import commit_all, git
from lifecycle.application.delivery.github_push import receive_github
from lifecycle.domain.delivery.webhook_secrets import WebhookSecrets
from lifecycle.domain.service.withdrawal import Withdrawal, WithdrawalState
from tests.fakes.catalogue import MemoryCatalogue
from tests.fakes.executions import MemoryExecutions
from tests.integration.environment.conftest import SECRET, pushed


@dataclass
class Ledger:
    """receive_push over fakes."""

    executions: MemoryExecutions = field(default_factory=MemoryExecutions)
    catalogue: MemoryCatalogue = field(default_factory=MemoryCatalogue)
    sent: int = 0

    def send(self, event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.sent += 1
        body = json.dumps(event).encode()
        headers = {k.lower(): v for k, v in signed_headers(body, SECRET, f"delivery-{self.sent}").items()}
        secrets, now = WebhookSecrets.parse(SECRET.decode()), datetime.now(UTC)
        found = receive_github(headers, body, "local/hello", secrets, self.executions, self.catalogue, now)
        return found.status, found.body

    def missed(self, bare: Path, *new: str) -> list[str]:
        return list(missed({bare: ("hello",)}, self.executions, self.catalogue, self.send, new))


def test_head_without_a_run_gets_one_when_the_environment_is_up(repository: tuple[Path, Path]) -> None:
    bare, copy = repository
    ref, ledger = pushed(bare, copy), Ledger()
    assert ledger.missed(bare) == [f"hello-{ref.after}, for a push that had no run: started"]
    (given,) = ledger.executions.deliveries.values()
    assert (given["repository"], given["branch"], given["commit"]) == (str(bare), "main", ref.after)
    assert ledger.missed(bare) == []


def test_branch_that_was_forced_back_while_nothing_ran_is_delivered_again(repository: tuple[Path, Path]) -> None:
    bare, copy = repository
    ledger, good = Ledger(), pushed(bare, copy).after
    ledger.missed(bare)
    ledger.executions.outputs[f"hello-{good}"] = {"service": "hello", "version": "1.0.0-good"}
    (copy / "new").write_text("x")
    bad = commit_all(copy, "Bad")
    git(copy, "push", "--quiet")
    ledger.missed(bare)
    git(copy, "push", "--quiet", "--force", "lifecycle", f"{good}:main")
    (line,) = ledger.missed(bare)
    assert line.startswith(f"hello-{good}_2, for a push that had no run: the branch is back at this commit")
    branch = ledger.catalogue.branch(str(bare), "main")
    assert (branch.head, branch.moves[-1].before, branch.moves[-1].forced) == (good, bad, True)
    assert ledger.missed(bare) == []


def test_head_that_asks_for_no_build_is_not_built_when_the_environment_is_up(repository: tuple[Path, Path]) -> None:
    bare, copy = repository
    ledger = Ledger()
    pushed(bare, copy)
    ledger.missed(bare)
    (copy / "new").write_text("x")
    commit_all(copy, "Docs [skip ci]")
    git(copy, "push", "--quiet")
    (line,) = ledger.missed(bare)
    assert line.endswith("no build: the message of the head commit has [skip ci]")


def test_head_is_delivered_again_to_clusters_that_its_first_run_did_not_find(repository: tuple[Path, Path]) -> None:
    bare, copy = repository
    ledger, commit = Ledger(), pushed(bare, copy).after
    ledger.missed(bare)
    ledger.executions.outputs[f"hello-{commit}"] = {"service": "hello", "version": "1.0.0-good"}
    assert ledger.missed(bare) == []
    (line,) = ledger.missed(bare, "hello")
    assert line.startswith(f"hello-{commit}_2, for a push that had no run: ")


def test_head_whose_snapshot_is_known_gets_no_run(repository: tuple[Path, Path]) -> None:
    bare, copy = repository
    ref, ledger = pushed(bare, copy), Ledger()
    ledger.catalogue.record_snapshot("hello", "1.0.0-20261123100000-aaaaaaa", {"commit": ref.after})
    assert ledger.missed(bare) == []


def test_head_whose_snapshot_was_withdrawn_gets_a_run(repository: tuple[Path, Path]) -> None:
    """Its service was removed, and the repository was added again."""
    bare, copy = repository
    ref, ledger, version = pushed(bare, copy), Ledger(), "1.0.0-20261123100000-aaaaaaa"
    ledger.catalogue.record_snapshot("hello", version, {"commit": ref.after})
    ledger.catalogue.put_withdrawal(
        "hello", None, Withdrawal(version, "ada", "removed", datetime.now(UTC), WithdrawalState.DONE)
    )
    (line,) = ledger.missed(bare)
    assert f"hello-{ref.after}" in line


def test_repository_that_was_never_pushed_to_gets_no_run(repository: tuple[Path, Path], tmp_path: Path) -> None:
    bare, _ = repository
    ledger = Ledger()
    assert ledger.missed(bare) == []
    assert ledger.missed(tmp_path / "gone.git", "hello") == []
    assert ledger.executions.deliveries == {}
