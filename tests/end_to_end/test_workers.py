"""A service without HTTP, from its push to its rollback: it takes jobs from a folder."""

import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from apps.local.paths import REPOSITORY
from tests.conftest import Laptop
from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import add_service
from tests.end_to_end.service import Service
from tests.support.polling import wait_for

pytestmark = pytest.mark.emulator

KILLED = "production-queue-worker-1"


@dataclass(frozen=True)
class Queue:
    """A folder of jobs, and what the workers have written about them."""

    folder: Path

    def add(self, *jobs: str) -> None:
        self.folder.mkdir(exist_ok=True)
        for job in jobs:
            (self.folder / f"{job}.job").touch()

    def done(self) -> dict[str, list[tuple[str, str]]]:
        """Return each job's version and host, once for each time that it was done."""
        file, found = self.folder / "done", dict[str, list[tuple[str, str]]]()
        for line in file.read_text().splitlines() if file.exists() else ():
            job, version, host = line.split()
            found.setdefault(job, []).append((version, host))
        return found

    def versions(self, *jobs: str) -> set[str]:
        """Add these jobs, wait until they are done, and return the versions that did them."""
        self.add(*jobs)
        wait_for("the jobs to be done", lambda: set(jobs) <= self.done().keys())
        return {version for job in jobs for version, _ in self.done()[job]}


@dataclass(frozen=True)
class Worker:
    """The service, its queue, and two good releases and one whose self-test fails."""

    service: Service
    queue: Queue
    first: str
    second: str
    bad: str


@pytest.fixture(scope="module")
def worker(operator: Operator, laptop: Laptop, tmp_path_factory: pytest.TempPathFactory) -> Worker:
    """The worker with two hosts in production, and its first release there."""
    queue = Queue(tmp_path_factory.mktemp("queue"))
    service = add_service(operator, laptop, REPOSITORY / "examples" / "other" / "queue-worker", 2)
    staging = f'[environments.staging]\nenvironment = {{ QUEUE = "{tmp_path_factory.mktemp("staging")}" }}\n\n'
    service.change("lifecycle.toml", r'QUEUE = "[^"]*"', f'QUEUE = "{queue.folder}"')
    service.change("lifecycle.toml", r"^\[environments.production\]", f"{staging}[environments.production]")
    first = service.promoted(service.staged(service.built(service.push("As it came"))))
    service.change("jobs.py", r"PAUSE_SECONDS = 0.1", "PAUSE_SECONDS = 0.05")
    second = service.promoted(service.staged(service.built(service.push("Work faster"))))
    service.change("jobs.py", r"    probe.unlink\(\)", '    raise SystemExit("the queue has another format")')
    service.change("lifecycle.toml", r"^min_alive_seconds = 5", 'min_alive_seconds = 5\nafter = "none"')
    bad = service.promoted(service.built(service.push("Expect another format")))
    service.deploy(first)
    return Worker(service, queue, first, second, bad)


def test_worker_has_hosts_and_no_load_balancer(worker: Worker, laptop: Laptop) -> None:
    cluster = worker.service.production
    assert (cluster.listener, cluster.address, {host.port for host in cluster.hosts}) == (0, "", {0})
    names = [
        each["LoadBalancerName"] for each in laptop.aws.client("elbv2").describe_load_balancers()["LoadBalancers"]
    ]
    assert not [each for each in names if "queue-worker" in each]
    assert worker.queue.versions("a", "b", "c") == {worker.first}
    status = worker.service.status()
    assert status["healthy"] == 2


def test_plan_says_what_alive_means(worker: Worker) -> None:
    plan = worker.service.operator.read("plan", "queue-worker", worker.second).facts
    checks = " ".join(plan["checks"])
    assert "python3 jobs.py --check" in checks
    assert "its process runs" in checks
    assert "load balancer" not in checks


def test_worker_that_is_killed_works_again(worker: Worker) -> None:
    service = worker.service
    pid = service.pid(KILLED)
    os.kill(pid, signal.SIGKILL)
    wait_for(
        "the host to work again",
        lambda: service.host_views()[KILLED]["drift"] is None and service.pid(KILLED) != pid,
    )
    wait_for("the repair to end", lambda: service.status()["lease"] is None)
    repair = service.newest_deployment()
    assert (repair["kind"], repair["state"], repair["requested_by"]) == ("CONVERGE", "DONE", "supervision")
    assert f"{KILLED} runs nothing: its service ended with SIGKILL" in repair["reason"]


def test_failed_self_test_halts_and_the_bad_version_does_no_work(worker: Worker) -> None:
    service = worker.service
    output = service.deploy(worker.bad, code=1)
    assert output.end["state"] == "HALTED", output
    question = output.end["question"]
    assert "the queue has another format" in question["reason"]
    assert question["blame"] == "VERSION"
    assert "load balancer" not in question["reason"] + question["diagnosis"]
    assert worker.bad not in worker.queue.versions(*(f"halted-{number}" for number in range(20)))
    service.operator("decide", question["deployment"], "ROLL_BACK", "--why", "it does no work", "--watch")
    assert set(service.installed().values()) == {worker.first}


def test_update_and_rollback_lose_no_job_and_do_none_twice(worker: Worker) -> None:
    service, queue = worker.service, worker.queue
    jobs = [f"update-{number}" for number in range(300)]
    queue.add(*jobs)
    assert service.deploy(worker.second).end["state"] == "DONE"
    assert queue.versions("after") == {worker.second}
    assert len(set(service.steps(service.newest_deployment()["deployment"]))) == 8
    service.operator("rollback", "queue-worker", "--yes")
    wait_for("the rollback to end", lambda: service.status()["lease"] is None)
    assert queue.versions("back") == {worker.first}
    found = queue.done()
    assert {job: len(found[job]) for job in jobs} == dict.fromkeys(jobs, 1)


def test_logs_of_a_worker_are_shipped(worker: Worker) -> None:
    def shown() -> bool:
        found = worker.service.operator.read("logs", "queue-worker", "--since", "1h")
        return "takes jobs from" in found.out

    wait_for("its first line", shown)


def test_same_service_with_http_is_refused(worker: Worker) -> None:
    service = worker.service
    text = (service.copy / "lifecycle.toml").read_text()
    changed = re.sub(r"http = false[^\n]*", "", text)
    (service.copy / "lifecycle.toml").write_text(changed)
    try:
        refused = service.operator("local", "add", str(service.copy), code=1)
        assert "give the new kind of service another name" in refused.err
        release = service.promoted(service.built(service.push("Serve HTTP")))
        plan = service.operator("plan", "queue-worker", release, code=1).facts
        assert any("serves HTTP, but production/queue-worker has no load balancer" in w for w in plan["refusals"])
    finally:
        (service.copy / "lifecycle.toml").write_text(text)
