"""The seven steps as pyinfra operations; `pyinfra --serial` runs all of them on one host, then on the next.

What the load balancer and a client see is called in pyinfra's own process (python.call). So it costs no process.
"""

import os

from pyinfra import host
from pyinfra.operations import files, python, server

from tools.bench.peers.steps import await_port, drain, read_plan, register, self_test

_plan = read_plan(os.environ["PEERS_PLAN"])
_at = host.data.at
_home, _version = _at["home"], _plan["version"]
_archive, _release = f"{_home}/artifacts/{_version}.tar.gz", f"{_home}/releases/{_version}"
_check = f"echo '{_plan['digest']}  {_archive}' | sha256sum --check --status"

python.call(name="Deregister and wait until drained", function=drain, plan=_plan, host=_at)
files.put(name="Bring the artifact", src=_plan["artifact"], dest=_archive, create_remote_dir=False)
server.shell(
    name="Check and unpack the artifact",
    commands=[f"{_check} && mkdir -p {_release} && tar -xzf {_archive} -C {_release}"],
)
server.shell(name="Stop the service", commands=[f"{_home}/service.sh stop"])
files.link(name="Switch the release", path=f"{_home}/current", target=_release, create_remote_dir=False)
server.shell(name="Start the service", commands=[f"{_home}/service.sh start"])
python.call(name="Wait for its port", function=await_port, plan=_plan, host=_at)
python.call(name="Self-test", function=self_test, plan=_plan, host=_at)
python.call(name="Register and wait until healthy", function=register, plan=_plan, host=_at)
