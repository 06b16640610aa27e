"""Signed statements, and what a host accepts: a signature by a trusted key over this service, version and bytes."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lifecycle.domain.errors import InvalidValue, SignatureRefused
from lifecycle.domain.service.attestation import Attestation, attestation_of, parse_statement, statement
from lifecycle.domain.service.envelope import Envelope, Signature, parse_envelope, signed_bytes
from lifecycle.domain.service.manifest import Check, Manifest, Run
from lifecycle.domain.service.published import Published
from lifecycle.domain.service.trusted_keys import KeyKind, TrustedKey, keys_text, parse_keys, unlike, verified
from lifecycle.domain.service.version import is_older
from lifecycle.gateways import p256
from tests.fakes.signer import MemorySigner

RELEASES, SNAPSHOTS = MemorySigner(), MemorySigner(KeyKind.SNAPSHOT)
FOREIGN = MemorySigner(key="key/foreign")
ARTIFACT, MANIFEST, OTHER = "a" * 64, "b" * 64, "c" * 64
WANTED = Attestation("hello", "1.0.1", ARTIFACT, MANIFEST)
SNAPSHOT = "1.0.0-20261123100000-aaaaaaa"


def signed(facts: Attestation, by: MemorySigner = RELEASES) -> str:
    payload = statement(facts)
    return Envelope(payload, (by.sign(signed_bytes(payload)),)).text


def refusal(text: str, wanted: Attestation = WANTED, *keys: TrustedKey) -> str:
    with pytest.raises(SignatureRefused) as refused:
        verified(text, wanted, keys or (RELEASES.trusted, SNAPSHOTS.trusted), p256.verify)
    return str(refused.value)


def test_release_that_its_key_signed_is_accepted() -> None:
    facts = replace(WANTED, commit="d" * 40, tests=("make test",), snapshot=SNAPSHOT, promoted_by="ada")
    assert verified(signed(facts), WANTED, [RELEASES.trusted], p256.verify) == facts


def test_version_without_an_envelope_says_how_to_sign_it() -> None:
    assert refusal("") == (
        "the signature of hello 1.0.1 is not accepted: expected a signature by key/release-1, found none; "
        "promote its snapshot again, which signs it: lifecycle promote hello SNAPSHOT"
    )
    assert "push its commit again" in refusal("", replace(WANTED, version=SNAPSHOT))


def test_foreign_key_is_refused_even_under_the_id_of_a_trusted_one() -> None:
    found = refusal(signed(WANTED, FOREIGN))
    assert "expected a signature by key/release-1, found one by key/foreign" in found
    assert "rotate-a-signing-key" in found
    posing = MemorySigner(key="key/release-1")
    assert "one by key/release-1 over other bytes: it was altered" in refusal(signed(WANTED, posing))


def test_key_of_snapshots_signs_no_release() -> None:
    assert "found one by key/snapshot-1" in refusal(signed(WANTED, SNAPSHOTS))
    snapshot = replace(WANTED, version=SNAPSHOT)
    assert verified(signed(snapshot, SNAPSHOTS), snapshot, [SNAPSHOTS.trusted], p256.verify) == snapshot
    assert "found one by key/release-1" in refusal(signed(snapshot, RELEASES), snapshot)


@pytest.mark.parametrize(
    ("other", "expected", "found"),
    [
        (replace(WANTED, service="shop"), "service hello", "service shop"),
        (replace(WANTED, version="1.0.0"), "version 1.0.1", "version 1.0.0"),
        (replace(WANTED, artifact=OTHER), f"artifact {ARTIFACT[:12]}", f"artifact {OTHER[:12]}"),
        (replace(WANTED, manifest=OTHER), f"manifest {MANIFEST[:12]}", f"manifest {OTHER[:12]}"),
    ],
)
def test_signature_of_another_service_version_or_bytes_is_refused(
    other: Attestation, expected: str, found: str
) -> None:
    text = refusal(signed(other))
    assert f"expected a signature by key/release-1 over {expected}, found one over {found};" in text
    assert unlike(signed(other), WANTED).startswith(
        f"the envelope of hello 1.0.1 is over {found}, expected {expected}"
    )


def test_altered_statement_is_refused() -> None:
    envelope = parse_envelope(signed(replace(WANTED, version="1.0.0")))
    altered = replace(envelope, payload=statement(WANTED))
    assert "over other bytes: it was altered" in refusal(altered.text)


def test_payload_is_not_signed_under_another_type() -> None:
    """The signature covers the payload's type, so that a text of another purpose is no statement."""
    payload = statement(WANTED)
    made = RELEASES.sign(signed_bytes(payload, "text/plain"))
    assert "it was altered" in refusal(Envelope(payload, (made,)).text)
    assert signed_bytes(b"hello world", "http://example.com/HelloWorld") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "{}",
        "[]",
        "[" * 100_000,
        json.dumps({"payloadType": "text/plain", "payload": "", "signatures": []}),
        json.dumps({"payloadType": "application/vnd.in-toto+json", "payload": "%", "signatures": []}),
        json.dumps({"payloadType": "application/vnd.in-toto+json", "payload": "", "signatures": [{"keyid": 1}]}),
        json.dumps({"payloadType": "application/vnd.in-toto+json", "payload": "", "signatures": 7}),
        "x" * 300_000,
    ],
)
def test_anything_else_in_the_place_of_an_envelope_is_refused_in_words(text: str) -> None:
    assert "found no envelope" in refusal(text)
    assert "cannot be read" in unlike(text, WANTED)


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000, statement(WANTED)[:-1]])
def test_signed_text_that_is_no_statement_is_refused_in_words(payload: bytes) -> None:
    text = Envelope(payload, (RELEASES.sign(signed_bytes(payload)),)).text
    assert "found one over another text" in refusal(text)


def test_envelope_without_a_signature_is_refused() -> None:
    payload = statement(WANTED)
    assert "found one by a key of which none is known" in refusal(Envelope(payload, ()).text)


@pytest.mark.parametrize("made", [b"", b"\x30\x00", b"\xff" * 70, bytes.fromhex("3006020100020100")])
def test_bytes_that_are_no_signature_are_refused(made: bytes) -> None:
    """The last one has the numbers zero, which some implementations once took for a signature of anything."""
    assert "it was altered" in refusal(Envelope(statement(WANTED), (Signature("key/release-1", made),)).text)


def test_key_of_another_curve_verifies_nothing() -> None:
    assert not p256.verify(b"no key", b"text", RELEASES.sign(b"text").signature)
    assert not p256.verify(RELEASES.trusted.public[:-1] + b"\x00", b"text", RELEASES.sign(b"text").signature)


def test_both_keys_of_a_rotation_are_trusted_and_the_former_one_no_longer_once_it_is_removed() -> None:
    new = MemorySigner(key="key/release-2")
    both = (new.trusted, RELEASES.trusted)
    for signer in (RELEASES, new):
        assert verified(signed(WANTED, signer), WANTED, both, p256.verify) == WANTED
    found = refusal(signed(WANTED, RELEASES), WANTED, new.trusted)
    assert "expected a signature by key/release-2, found one by key/release-1" in found
    assert "docs/operating.md#rotate-a-signing-key" in found


def test_file_of_keys_is_read_as_it_was_written() -> None:
    keys = (RELEASES.trusted, SNAPSHOTS.trusted)
    assert parse_keys(f"# of this installation\n\n{keys_text(keys)}{keys_text(keys)}") == keys
    assert parse_keys("") == ()


@pytest.mark.parametrize("line", ["release", "other key QUJD", "release key %%%", "release key QUJD more"])
def test_line_that_is_no_key_is_an_error_in_words(line: str) -> None:
    with pytest.raises(InvalidValue, match="is not a line of trusted keys"):
        parse_keys(line)


def test_statement_says_where_the_bytes_came_from() -> None:
    manifest = Manifest(
        service="hello",
        version="1.0.1",
        commit="d" * 40,
        repository="https://example.test/hello.git",
        branch="main",
        digest=ARTIFACT,
        size=5,
        built_at=datetime(2026, 11, 23, 10, tzinfo=UTC),
        builder="lifecycle-build:1, promoted by ada",
        run=Run("python3 app.py", 8080),
        is_alive=Check(path="/is_alive"),
        self_test=Check(path="/self_test"),
        snapshot=SNAPSHOT,
        tests=("make test",),
    )
    facts = attestation_of(manifest, Published(ARTIFACT, MANIFEST))
    assert (facts.run, facts.promoted_by, facts.tests) == ("lifecycle-build:1", "ada", ("make test",))
    made = statement(facts)
    assert parse_statement(made) == facts
    found = json.loads(made)
    assert found["_type"] == "https://in-toto.io/Statement/v1"
    assert found["predicateType"] == "https://slsa.dev/provenance/v1"
    assert [each["name"] for each in found["subject"]] == [
        "release/hello/1.0.1/artifact.tar.gz",
        "release/hello/1.0.1/manifest.json",
    ]
    definition = found["predicate"]["buildDefinition"]
    assert definition["resolvedDependencies"] == [
        {"uri": "git+https://example.test/hello.git@main", "digest": {"gitCommit": "d" * 40}}
    ]


def test_version_is_older_than_another_of_its_kind_only() -> None:
    assert is_older("1.9.0", "1.10.0")
    assert not is_older("1.10.0", "1.10.0")
    assert is_older(SNAPSHOT, "0.1.0-20261123100001-aaaaaaa")
    assert not is_older("0.0.1", SNAPSHOT)
    assert not is_older(SNAPSHOT, "9.0.0")


def test_verification_takes_less_than_50_ms() -> None:
    text = signed(WANTED)
    began = time.process_time()
    for _ in range(5):
        verified(text, WANTED, [RELEASES.trusted], p256.verify)
    assert (time.process_time() - began) / 5 < 0.05
