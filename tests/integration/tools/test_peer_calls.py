from pathlib import Path

import pytest

from apps.local.paths import ACCOUNT, REGION
from apps.local.ports import LOOPBACK
from tests.conftest import Laptop
from tools.bench.peers import fleet, steps

pytestmark = pytest.mark.emulator


def test_calls_of_the_peers_are_signed_as_the_emulator_wants_them(laptop: Laptop, tmp_path: Path) -> None:
    balancer = f"{LOOPBACK}:{laptop.facts['ports']['balancer']}"
    group = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/nobodys/0123456789abcdef"
    peers = fleet.Fleet(tmp_path, "", balancer, group, 0, laptop.aws.credentials)
    host = peers.signed({"name": "peer-1", "address": "127.0.20.1", "port": 18081})
    with pytest.raises(SystemExit, match="TargetGroupNotFound"):  # and not IncompleteSignature
        steps.drain({"balancer": balancer, "marks": str(tmp_path / "marks")}, host)
