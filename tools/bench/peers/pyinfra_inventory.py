"""pyinfra's inventory: one entry a host of the plan.

Each is reached over SSH if PEERS_SSH_PORT is set, else over the connector `@here` (pyinfra_connector.py).
"""

import os

from tools.bench.peers.steps import read_plan

_hosts = read_plan(os.environ["PEERS_PLAN"])["targets"]


def _over_ssh(at: dict[str, str]) -> tuple[str, dict[str, object]]:
    return at["name"], {
        "at": at,
        "ssh_hostname": "127.0.0.1",
        "ssh_port": int(os.environ["PEERS_SSH_PORT"]),
        "ssh_user": os.environ["PEERS_SSH_USER"],
        "ssh_key": os.environ["PEERS_SSH_KEY"],
        "ssh_allow_agent": False,
        "ssh_look_for_keys": False,
        "ssh_strict_host_key_checking": "off",
    }


if "PEERS_SSH_PORT" in os.environ:
    hosts = [_over_ssh(each) for each in _hosts]
else:
    hosts = [(f"@here/{each['name']}", {"at": each}) for each in _hosts]
