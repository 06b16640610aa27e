"""Faults planted in signatures: what is signed, which keys are believed, and which versions are too old."""

from tests.simulation.planted import Edit, Planted

_KEYS = "lifecycle.domain.service.trusted_keys"
_AGENT = "apps.agent.signatures"
_ATTESTATIONS = "tests/unit/service/test_attestation.py"
_HOSTS = "tests/integration/agent/test_signatures.py"
_PLANS = "tests/unit/rollout/test_signatures.py"

# A replaced manifest is refused for its digest in the turn, and again for that in the signature.
SIGNED_WITHOUT_MANIFEST = Edit(
    "lifecycle.domain.service.attestation",
    '        names = ("service", "version", "artifact", "manifest")\n',
    '        names = ("service", "version", "artifact")\n',
)

FAULTS = (
    Planted(
        "a-host-checks-no-signature",
        (25,),
        "apps.agent.fetch",
        "    signatures.check(service, turn, published, envelope)\n    return envelope\n",
        "    return envelope\n",
    ),
    Planted(
        "a-signature-is-not-verified",
        (25,),
        _KEYS,
        "    return next((key for key, signature in named if verify(key.public, message, signature)), None)\n",
        "    return next((key for key, _ in named), None)\n",
    ),
    Planted(
        "the-name-of-a-key-is-enough-for-any-key",
        (25,),
        _AGENT,
        "            verified(envelope, wanted, self._trusted(), self._verify)\n",
        "            verified(envelope, wanted, self._trusted(), lambda *_: True)\n",
    ),
    Planted(
        "a-key-of-snapshots-signs-releases",
        (25,),
        _KEYS,
        "    trusted = {each.id: each for each in keys if each.kind is kind_of(wanted.version)}\n",
        "    trusted = {each.id: each for each in keys}\n",
        f"{_ATTESTATIONS}::test_key_of_snapshots_signs_no_release",
        (
            Edit(
                _KEYS,
                "    trusted = {each.id: each for each in keys if each.kind is kind_of(version)}\n",
                "    trusted = {each.id: each for each in keys}\n",
            ),
        ),
    ),
    Planted(
        "a-statement-of-another-version-is-accepted",
        (25,),
        _KEYS,
        '    if others := signed.over(wanted):\n        raise refused(f"one over',
        '    if others := "":\n        raise refused(f"one over',
        f"{_HOSTS}::test_signature_of_an_older_release_does_not_serve_for_a_newer_one",
    ),
    Planted(
        "the-version-of-a-statement-is-ignored",
        (25,),
        "lifecycle.domain.service.attestation",
        '        names = ("service", "version", "artifact", "manifest")\n',
        '        names = ("artifact", "manifest")\n',
        f"{_ATTESTATIONS}::test_signature_of_another_service_version_or_bytes_is_refused",
    ),
    Planted(
        "a-signature-does-not-cover-the-payloads-type",
        (25,),
        "lifecycle.domain.service.envelope",
        '    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)\n',
        "    return payload if kind else b''\n",
        f"{_ATTESTATIONS}::test_payload_is_not_signed_under_another_type",
    ),
    Planted(
        "an-older-version-is-believed",
        (25,),
        _AGENT,
        "not newest or not is_older(turn.version, newest):",
        "not newest or True:",
        f"{_HOSTS}::test_older_release_than_the_host_ran_is_refused_unless_the_command_goes_back",
    ),
    Planted(
        "a-host-forgets-what-it-ran",
        (25,),
        "apps.agent.release_store",
        "        self._signatures.ran(version)\n",
        "",
        f"{_HOSTS}::test_memory_of_the_newest_release_outlives_the_agent",
    ),
    Planted(
        "a-release-on-the-disk-is-not-checked-again",
        (25,),
        "apps.agent.release_store",
        "        self._check_signature(turn, PublishedManifest(manifest, text))\n",
        "",
        f"{_HOSTS}::test_former_key_is_trusted_until_it_is_removed_and_no_restart_is_needed",
    ),
    Planted(
        "a-plan-takes-an-unsigned-version",
        (25,),
        "lifecycle.application.rollout.observe",
        "        foreign=_foreign(context, request, stored, config.revision, recent, found) or signed.blocker,\n",
        "        foreign=_foreign(context, request, stored, config.revision, recent),\n",
        f"{_PLANS}::test_unsigned_version_is_refused_before_the_first_host",
    ),
    Planted(
        "a-restored-host-is-not-told-that-it-goes-back",
        (25,),
        "lifecycle.application.rollout.host_commands",
        "        back = True\n",
        "        pass\n",
        f"{_PLANS}::test_diagnosis_restores_the_previous_version_although_it_is_older",
    ),
    Planted(
        "a-promotion-keeps-any-envelope",
        (25,),
        "lifecycle.application.delivery.sign",
        "    _check(stored, wanted)\n",
        "",
        "tests/unit/delivery/test_promote.py::test_envelope_of_something_else_is_not_taken_for_the_releases_own",
    ),
)
