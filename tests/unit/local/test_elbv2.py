from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from apps.local.dispatcher import envoy_configuration, query_protocol
from apps.local.dispatcher.elbv2 import EmulatorElbv2, action, statuses
from apps.local.dispatcher.envoy_configuration import Check, FixedResponse, WeightedGroup
from apps.local.dispatcher.targets import FAILED, HEALTHY, Address
from apps.local.http_server import Request, Response, host_and_port

HOME = Path("/home/of/envoy")


def given(**parameters: str) -> query_protocol.Parameters:
    named = {name.replace("__", "."): value for name, value in parameters.items()}
    return query_protocol.parameters(Request("POST", "/", (), urlencode(named).encode()))


def test_target_without_a_port_has_the_groups_port() -> None:
    found = given(Targets__member__1__Id="127.0.0.11", Targets__member__1__Port="81", Targets__member__2__Id="b")
    assert query_protocol.targets(found, 80) == [Address("127.0.0.11", 81), Address("b", 80)]


def test_weights_are_parsed_from_a_forward_action_and_added_to_the_answer() -> None:
    prefix = "DefaultActions__member__1__ForwardConfig__TargetGroups__member__"
    names = {f"{prefix}{n}__{key}": value for n, key, value in [
        (1, "TargetGroupArn", "one"), (1, "Weight", "9"), (2, "TargetGroupArn", "two"), (2, "Weight", "1"),
    ]}  # fmt: skip
    parts = query_protocol.weights(given(**names))
    assert parts == (WeightedGroup("one", 9), WeightedGroup("two", 1))
    kept = b"<ListenerArn>l</ListenerArn><member><Type>forward</Type></member>"
    text = query_protocol.with_weights(Response(200, kept), {"l": parts, "other": parts}).body.decode()
    assert text.count("<ForwardConfig>") == 1
    assert "<TargetGroupArn>one</TargetGroupArn><Weight>9</Weight>" in text


def test_target_health_has_the_reason() -> None:
    described = [(Address("127.0.0.11", 81), HEALTHY), (Address("127.0.0.12", 82), FAILED)]
    text = query_protocol.target_health(described, None).body.decode()
    assert "<Port>81</Port></Target><HealthCheckPort>81</HealthCheckPort>" in text
    assert "<State>unhealthy</State><Reason>Target.FailedHealthChecks</Reason>" in text


@pytest.mark.parametrize(
    ("matcher", "ranges"),
    [
        ("200", ((200, 200),)),
        ("200-299", ((200, 299),)),
        ("200,202", ((200, 200), (202, 202))),
        ("", ((200, 200),)),
    ],
)
def test_matcher_is_parsed_into_ranges(matcher: str, ranges: tuple[tuple[int, int], ...]) -> None:
    assert statuses(matcher) == ranges


def test_default_actions_are_parsed() -> None:
    assert action([{"Type": "forward", "TargetGroupArn": "one"}]) == (WeightedGroup("one"),)
    groups = [{"TargetGroupArn": "one", "Weight": 3}]
    assert action([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]) == (WeightedGroup("one", 3),)
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "no"}}
    assert action([fixed]) == FixedResponse(404, "no")
    assert action([]) == ()


def test_nothing_is_retried_and_nothing_times_out() -> None:
    route = envoy_configuration.routes("l", (WeightedGroup("one"),), {"one": "c"})["virtual_hosts"][0]["routes"][0][
        "route"
    ]
    assert "retry_policy" not in route
    assert route["timeout"] == "0s"
    made = envoy_configuration.cluster(HOME, "c", Check(), 0.25)
    assert made["circuit_breakers"]["thresholds"][0]["max_retries"] == 0
    assert made["common_lb_config"]["healthy_panic_threshold"] == {"value": 0}
    assert made["common_lb_config"]["update_merge_window"] == "0s"


def test_a_listener_without_a_known_target_group_answers_503() -> None:
    made = envoy_configuration.routes("l", (WeightedGroup("gone"),), {})["virtual_hosts"][0]["routes"][0]
    assert made["direct_response"]["status"] == 503


def test_a_draining_endpoint_stays_listed() -> None:
    made = envoy_configuration.endpoints("c", Check(), [(Address("127.0.0.11", 81), True)])
    assert made["endpoints"][0]["lb_endpoints"][0]["health_status"] == "DRAINING"


@pytest.mark.parametrize("url", ["https://127.0.0.1:1", "127.0.0.1:4566", "http://127.0.0.1"])
def test_invalid_emulator_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected a URL"):
        host_and_port(url)


class Emulated:
    """The emulator's ELBv2 with one target group, which counts the calls."""

    def __init__(self) -> None:
        self.port, self.calls = 80, list[str]()

    def client(self, _service: str) -> "Emulated":
        return self

    def describe_load_balancers(self) -> Any:
        return self._answer("LoadBalancers", [])

    def describe_listeners(self) -> Any:
        return self._answer("Listeners", [])

    def describe_target_groups(self) -> Any:
        group = {"TargetGroupArn": "arn", "TargetGroupName": "group", "Port": self.port}
        return self._answer("TargetGroups", [group])

    def describe_target_group_attributes(self, **_: str) -> Any:
        return self._answer("Attributes", [])

    def describe_target_health(self, **_: str) -> Any:
        return self._answer("TargetHealthDescriptions", [])

    def _answer(self, name: str, found: list[Any]) -> Any:
        self.calls.append(name)
        return {name: found}


def test_change_of_a_target_group_is_found_with_three_calls() -> None:
    emulated: Any = Emulated()
    reader = EmulatorElbv2(emulated)
    assert reader.changed()
    reader.read()
    emulated.calls.clear()
    assert not reader.changed()
    assert len(emulated.calls) == 3
    emulated.port = 81
    assert reader.changed()
    reader.read()
    assert not reader.changed()
