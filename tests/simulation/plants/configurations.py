"""Faults planted in pairs of a version and its configuration."""

from tests.simulation.planted import Planted

FAULTS = (
    Planted(
        "a-command-forgets-the-configuration",
        (34, 11, 20, 23),
        "lifecycle.application.rollout.host_commands",
        "digest=target.digest, config=target.config, manifest",
        "digest=target.digest, manifest",
        caught_by="tests/unit/rollout/test_configuration_pairs.py",
    ),
    Planted(
        "another-configuration-is-no-drift",
        (34, 11, 23),
        "lifecycle.domain.fleet.drift",
        "    if report.config != target.config:\n",
        "    if False:\n",
        caught_by="tests/unit/rollout/test_configuration_pairs.py",
    ),
    Planted(
        "a-rollback-keeps-the-new-configuration",
        (34,),
        "lifecycle.domain.rollout.deployment",
        "            config=to.config,\n",
        "            config=self.target.config,\n",
        caught_by="tests/unit/rollout/test_configuration_pairs.py",
    ),
    Planted(
        "a-repair-takes-the-newest-configuration",
        (34, 10),
        "lifecycle.application.convergence.converge",
        "        config=found.config,\n",
        "        config=context.configurations.newest(cluster),\n",
        caught_by="tests/unit/rollout/test_configuration_pairs.py",
    ),
    Planted(
        "an-agent-starts-the-service-with-the-values-of-before",
        (34,),
        "apps.agent.configuration",
        "        values = self._read(revision)\n        if missing",
        "        values = self._known[0][1] if self._known else self._read(revision)\n        if missing",
        caught_by="tests/unit/agent/test_configuration.py",
    ),
    Planted(
        "a-host-with-another-configuration-is-registered",
        (34,),
        "lifecycle.application.rollout.stages",
        "    if report.config != running.target.config:\n",
        "    if False:\n",
        caught_by="tests/unit/rollout/test_configuration_pairs.py",
    ),
    Planted(
        "values-are-not-masked",
        (34,),
        "apps.agent.masking",
        '            text = text.replace(secret, f"[{name}]")\n',
        "            pass\n",
        caught_by="tests/unit/agent/test_configuration.py",
    ),
    Planted(
        "a-missing-name-does-not-block",
        (34,),
        "lifecycle.domain.rollout.preflight",
        "    if not (missing := config.missing(observed.manifest.config.required)):\n",
        "    if True:\n",
        caught_by="tests/unit/rollout/test_configuration_pairs.py",
    ),
)
