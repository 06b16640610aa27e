"""A dashboard with one widget of each kind, filled as a rollout would fill it; for the tests of the page."""

import time
from html import escape
from typing import Any

from apps.local.console.ports import Line, Metric
from tests.integration.console.fake_aws import FakeAws, arn, custom

MARKUP = '<b onclick="alert(1)">hello</b>'
QUESTION = """
<h3>{service}: host <strong>hello-2</strong> failed its self-test</h3>
<p>Expected 200 from <code>/self-test</code>, found 500.</p>
<label for="why">Why</label> <input id="why" name="why" value="">
<select name="choice"><option value="RETRY">Retry</option><option value="ABORT" selected>Abort</option></select>
<a class="btn btn-primary">Roll back</a>
<cwdb-action action="call" display="popup" endpoint="{act}"
  confirmation="Deploy 1.0.0 to every host that this deployment touched?">
  {{"action": "roll_back", "deployment": "d-7"}}</cwdb-action>
<button>Evidence</button>
<cwdb-action action="html" display="popup"><p>The last lines of its log: <em>boom</em></p></cwdb-action>
"""
TABLE = "<table><thead><tr><th>Service</th><th>Version</th></tr></thead><tbody>{rows}</tbody></table>"
ALARM = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:"


def fill(aws: FakeAws, now: float | None = None) -> None:
    """Fill the fake with everything that the page can draw."""
    at = now or time.time()
    names = ("lifecycle-show-pipeline", "lifecycle-show-questions")
    rows = f"<tr><td>{escape(MARKUP)}</td><td>1.0.1</td></tr>"
    question = QUESTION.format(service=escape(MARKUP), act=arn("lifecycle-act"))
    aws.functions = {
        names[0]: lambda _: TABLE.format(rows=rows),
        names[1]: lambda _: question,
        "lifecycle-act": lambda _: "<p>Rolling back, as deployment d-8.</p>",
    }
    requests = Metric("AWS/ApplicationELB", "RequestCount", (("TargetGroup", "targetgroup/lc-p-hello/1"),))
    errors = Metric("AWS/Lambda", "Errors", (("FunctionName", "lifecycle-plan"),))
    times = tuple(at - 3600 + 60 * minute for minute in range(58))
    aws.metrics = {
        requests: Line(times, tuple(900.0 + 40 * (minute % 7) for minute in range(58))),
        errors: Line(times[::9], (0.0, 0.0, 1.0, 0.0, 0.0, 2.0, 0.0)),
    }
    aws.alarmed = [
        {
            "name": "hello-errors",
            "state": "ALARM",
            "reason": "3.1 % of answers were errors",
            "since": at - 90,
        },
        {"name": "hello-latency", "state": "OK", "reason": "fine", "since": at - 4000},
        {"name": "hello-hosts", "state": "INSUFFICIENT_DATA", "reason": "", "since": None},
    ]
    search = "SEARCH('{AWS/ApplicationELB,TargetGroup} MetricName=\"RequestCount\" lc-', 'Sum', 60)"
    plan = ["AWS/Lambda", "Errors", "FunctionName", "lifecycle-plan"]
    alarms = [f"{ALARM}{each['name']}" for each in aws.alarmed]
    aws.widgets = [
        _placed("text", 0, 0, 24, 2, markdown="# Lifecycle\nFrom a push to **production**, see `make help`."),
        custom(names[0], "Pipeline", 0, 2, params={"service": "hello"}),
        custom(names[1], "What waits for you", 12, 2),
        _placed("metric", 0, 8, 12, 6, title="Requests", metrics=[[{"expression": search}]], stat="Sum"),
        _placed("metric", 12, 8, 6, 6, title="Errors", metrics=[plan], view="singleValue", stat="Sum"),
        _placed("alarm", 18, 8, 6, 6, title="Alarms", alarms=alarms),
    ]


def _placed(kind: str, x: int, y: int, width: int, height: int, **properties: Any) -> dict[str, Any]:
    place = {"x": x, "y": y, "width": width, "height": height}
    return {"type": kind, **place, "properties": properties}
