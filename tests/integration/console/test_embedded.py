"""The console as a part of the environment: its role, the real dashboard and functions, and its end."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from apps.cli.main import app
from apps.local import environment
from apps.local.console import dashboard
from apps.local.console.aws import EmbeddedAws
from apps.local.console.errors import AwsRefused
from apps.local.console.ports import Metric, MetricQuery
from apps.local.paths import REPOSITORY
from apps.local.ports import Ports, is_free, listens
from apps.local.processes import recorded
from apps.local.progress import Progress
from tests.conftest import Laptop
from tests.support.polling import PATIENCE_SECONDS, until

pytestmark = pytest.mark.emulator

SNAPSHOT = "1.0.0-20261123100000-aaaaaaa"


@pytest.fixture
def aws(laptop: Laptop) -> EmbeddedAws:
    return EmbeddedAws(Ports(**laptop.facts["ports"]), laptop.aws.credentials, "Ada Lovelace")


def test_every_dashboard_function_answers_the_operator(aws: EmbeddedAws) -> None:
    functions = {each.name: each for each in dashboard.functions(aws.dashboard())}
    assert "lifecycle-show-questions" in functions
    assert "lifecycle-act" in functions
    for name, each in functions.items():
        if not each.acts:
            answer = aws.invoke(each.arn, {"widgetContext": {"theme": "dark", "width": 600, "forms": {"all": {}}}})
            assert isinstance(answer, str), name
            assert "not shown" not in answer, (name, answer.rpartition("</style>")[2])


def test_act_function_refuses_with_its_own_message(aws: EmbeddedAws) -> None:
    act = next(each for each in dashboard.functions(aws.dashboard()) if each.acts)
    answer = aws.invoke(act.arn, {"action": "promote", "service": "nosuch", "version": SNAPSHOT, "by": "ada"})
    assert "not done" in answer
    assert f"snapshot '{SNAPSHOT}' of nosuch not found" in answer


def test_iam_decides_which_functions_the_page_may_call(aws: EmbeddedAws, laptop: Laptop) -> None:
    plan = f"arn:aws:lambda:us-east-1:{laptop.facts['account']}:function:lifecycle-plan"
    with pytest.raises(AwsRefused, match="AccessDenied"):
        aws.invoke(plan, {})


def test_metrics_are_found_and_sorted_by_time(aws: EmbeddedAws, laptop: Laptop) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    metric = Metric("Lifecycle/test", "Temperature", (("Host", "one"), ("Room", "two")))
    names = [{"Name": name, "Value": value} for name, value in metric.dimensions]
    laptop.aws.client("cloudwatch").put_metric_data(
        Namespace=metric.namespace,
        MetricData=[
            {
                "MetricName": metric.name,
                "Dimensions": names,
                "Value": value,
                "Timestamp": now - timedelta(minutes=at),
            }
            for at, value in ((1, 3.0), (3, 1.0), (2, 2.0))
        ],
    )
    assert aws.known_metrics("Lifecycle/test", "") == [metric]
    assert aws.known_metrics("Lifecycle/test", "Pressure") == []
    wanted = [
        MetricQuery(metric, "Sum", 60, ""),
        MetricQuery(Metric("Lifecycle/test", "Pressure", ()), "Sum", 60, ""),
    ]
    there, nothing = aws.lines(wanted, now - timedelta(hours=1), now)
    assert there.values == (1.0, 2.0, 3.0)
    assert there.times == tuple((now - timedelta(minutes=at)).timestamp() for at in (3, 2, 1))
    assert nothing.values == ()


def test_alarms_are_read_by_name(aws: EmbeddedAws, laptop: Laptop) -> None:
    laptop.aws.client("cloudwatch").put_metric_alarm(
        AlarmName="test-too-hot",
        Namespace="Lifecycle/test",
        MetricName="Temperature",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=30.0,
        ComparisonOperator="GreaterThanThreshold",
        AlarmDescription="It is too hot",
    )
    [found] = aws.alarms(["test-too-hot", "test-no-such-alarm"])
    assert (found["name"], found["description"]) == ("test-too-hot", "It is too hot")
    assert found["state"] in ("OK", "ALARM", "INSUFFICIENT_DATA")


def test_idle_environment_runs_nothing(aws: EmbeddedAws) -> None:
    assert aws.running() is False


def test_console_command_prints_the_pages_address(laptop: Laptop) -> None:
    done = CliRunner().invoke(app, ["local", "console", "--json"], env=laptop.variables)
    found = json.loads(done.stdout)
    assert found["url"].rstrip("/") == laptop.facts["console"]
    assert found["up"] is True
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
        found["url"], timeout=PATIENCE_SECONDS
    ) as page:
        assert b"<title>Lifecycle</title>" in page.read()


@pytest.fixture
def without_console(laptop: Laptop) -> Iterator[int]:
    """Kill the environment's console, as a crash would; yield its port. Afterwards `up` restarts it."""
    part, port = recorded(laptop.layout)["console"], int(laptop.facts["ports"]["console"])
    os.kill(part.pid, signal.SIGKILL)
    until(lambda: is_free("127.0.0.1", port))
    yield port
    environment.up(laptop.layout, Progress(quiet=True))
    assert recorded(laptop.layout)["console"].alive
    assert listens("127.0.0.1", port)


def test_dead_console_can_be_served_from_a_terminal_until_ctrl_c(laptop: Laptop, without_console: int) -> None:
    command = [sys.executable, "-m", "apps.cli.main", "local", "console"]
    variables = {**os.environ, **laptop.variables, "PYTHONPATH": str(REPOSITORY)}
    served = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert served.stdout
        # An open port proves nothing: on loopback, a connection may connect to itself before a server listens.
        lines = [served.stdout.readline(), served.stdout.readline()]
        served.send_signal(signal.SIGINT)
        _, err = served.communicate(timeout=PATIENCE_SECONDS)
    finally:
        served.kill()
    assert (served.returncode, err) == (0, "")
    assert lines[0].startswith(f"http://127.0.0.1:{without_console}/")
    assert lines[1].startswith(f"console: http://127.0.0.1:{without_console} as ")
