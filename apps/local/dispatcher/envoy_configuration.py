"""Envoy's configuration: the balancer's state as the resources that Envoy watches. Pure.

The bootstrap is static and names the files of listeners and clusters. Each listener has a file of routes, and each
cluster a file of endpoints. So a route or an endpoint changes without its listener or cluster, and no connection is
closed. Envoy retries nothing, and a request has no timeout: a slow answer is still delivered.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.local.dispatcher import access_log
from apps.local.dispatcher.targets import Address

Resource = dict[str, Any]
_TYPE = "type.googleapis.com/envoy"
_MANAGER = f"{_TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = f"{_TYPE}.extensions.filters.http.router.v3.Router"
_HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
CHECKER = "ELB-HealthChecker/2.0"
_ACCESS_LOG = f"{_TYPE}.extensions.access_loggers.file.v3.FileAccessLog"


@dataclass(frozen=True, slots=True)
class Check:
    """A target group's health check; `statuses` are inclusive ranges, `timeout` is in seconds."""

    path: str = "/"
    port: int | None = None
    statuses: tuple[tuple[int, int], ...] = ((200, 200),)
    timeout: float = 5.0
    healthy_threshold: int = 5
    unhealthy_threshold: int = 2


@dataclass(frozen=True, slots=True)
class WeightedGroup:
    """One target group of a forward action, by its ARN, and its weight."""

    group: str
    weight: int = 1


@dataclass(frozen=True, slots=True)
class FixedResponse:
    """An answer that the load balancer itself gives."""

    status: int
    body: str = ""
    content_type: str = "text/plain"


Action = tuple[WeightedGroup, ...] | FixedResponse


def bootstrap(folder: Path, admin: str) -> Resource:
    """Return Envoy's bootstrap: its admin interface on a Unix socket, and everything else from watched files.

    Any web page could end Envoy through a port.
    """
    return {
        "node": {"id": "lifecycle-dispatcher", "cluster": "lifecycle"},
        "admin": {"address": {"pipe": {"path": admin, "mode": 0o600}}},
        "dynamic_resources": {
            "lds_config": _watched(folder / "listeners.json"),
            "cds_config": _watched(folder / "clusters.json"),
        },
    }


def discovery(resources: Iterable[Resource]) -> Resource:
    """Return the content of a file with these resources."""
    return {"resources": list(resources)}


def listener(folder: Path, name: str, address: str, port: int) -> Resource:
    """Return the resource of one ELBv2 listener; its routes are in a file of their own."""
    return {
        "@type": f"{_TYPE}.config.listener.v3.Listener",
        "name": name,
        "address": _socket(address, port),
        # With SO_REUSEPORT, a second process could silently take some of the connections.
        "enable_reuse_port": False,
        "filter_chains": [{"filters": [{"name": "http", "typed_config": _manager(folder, name)}]}],
    }


def _manager(folder: Path, name: str) -> Resource:
    lowest = {"default_value": 500, "runtime_key": "lifecycle.log_from"}
    failures = {"status_code_filter": {"comparison": {"op": "GE", "value": lowest}}}
    log = {"@type": _ACCESS_LOG, "path": str(folder / "failures.log")}
    counted = {"text_format_source": {"inline_string": access_log.FORMAT}}
    every = {"@type": _ACCESS_LOG, "path": str(folder / access_log.NAME), "log_format": counted}
    return {
        "@type": _MANAGER,
        "stat_prefix": name,
        "rds": {"route_config_name": name, "config_source": _watched(folder / f"routes-{name}.json")},
        "use_remote_address": True,
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        "stream_idle_timeout": "0s",
        "request_timeout": "0s",
        "http_protocol_options": {"accept_http_10": True},
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "access_log": [
            {"name": "failures", "filter": failures, "typed_config": log},
            {"name": "requests", "typed_config": every},
        ],
        "http_filters": [{"name": "router", "typed_config": {"@type": _ROUTER, "suppress_envoy_headers": True}}],
    }


def routes(name: str, action: Action, clusters: Mapping[str, str]) -> Resource:
    """Return a listener's routes; `clusters` names Envoy's cluster of each target group."""
    return {
        "@type": f"{_TYPE}.config.route.v3.RouteConfiguration",
        "name": name,
        "validate_clusters": False,
        "virtual_hosts": [
            {"name": name, "domains": ["*"], "routes": [{"match": {"prefix": "/"}, **_action(action, clusters)}]}
        ],
    }


def _action(action: Action, clusters: Mapping[str, str]) -> Resource:
    if isinstance(action, FixedResponse):
        header = {"header": {"key": "content-type", "value": action.content_type}}
        return {
            "direct_response": {"status": action.status, "body": {"inline_string": action.body}},
            "response_headers_to_add": [{**header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}],
        }
    known = [part for part in action if part.group in clusters and part.weight > 0]
    if not known:
        missing = FixedResponse(503, "this listener forwards to no target group\n")
        return _action(missing, clusters)
    parts = [{"name": clusters[part.group], "weight": part.weight} for part in known]
    return {"route": {"weighted_clusters": {"clusters": parts}, "timeout": "0s", "idle_timeout": "0s"}}


def cluster(folder: Path, name: str, check: Check, interval: float) -> Resource:
    """Return one target group's cluster with its active health checks; `interval` is the laptop's, in seconds."""
    return {
        "@type": f"{_TYPE}.config.cluster.v3.Cluster",
        "name": name,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": _watched(folder / f"endpoints-{name}.json")},
        "connect_timeout": "5s",
        "lb_policy": "ROUND_ROBIN",
        # By default Envoy passes a change of health to its workers up to a second later than to its admin interface.
        # Meanwhile a draining host would still get requests.
        "common_lb_config": {
            "healthy_panic_threshold": {"value": 0},
            "update_merge_window": "0s",
            # Needed so that Envoy distinguishes a host that failed a check from one that was not checked yet.
            "ignore_new_hosts_until_first_hc": True,
        },
        "ignore_health_on_host_removal": True,
        "circuit_breakers": {
            "thresholds": [
                {"max_connections": 65536, "max_pending_requests": 65536, "max_requests": 65536, "max_retries": 0}
            ]
        },
        "health_checks": [_health_check(check, interval)],
        # A service may close an idle connection just when Envoy reuses it, and nothing is retried. So Envoy closes a
        # connection after one idle second.
        "typed_extension_protocol_options": {
            _HTTP: {
                "@type": f"type.googleapis.com/{_HTTP}",
                "common_http_protocol_options": {"idle_timeout": "1s"},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
    }


def open_cluster(folder: Path, name: str, check: Check, interval: float) -> Resource:
    """Return the cluster that gets a target group's requests while none of its targets is healthy.

    It checks nothing. Envoy's own panic mode would also send requests to targets that drain or were never healthy.
    """
    without = cluster(folder, access_log.open_name(name), check, interval)
    del without["health_checks"]
    return without


def _health_check(check: Check, interval: float) -> Resource:
    every, soon = _seconds(interval), _seconds(min(interval, 0.1))
    agent = {"header": {"key": "user-agent", "value": CHECKER}}
    return {
        "timeout": _seconds(check.timeout),
        "interval": every,
        "no_traffic_interval": every,
        "no_traffic_healthy_interval": every,
        "unhealthy_interval": soon,
        "unhealthy_edge_interval": soon,
        "healthy_edge_interval": every,
        "unhealthy_threshold": check.unhealthy_threshold,
        "healthy_threshold": check.healthy_threshold,
        "reuse_connection": False,
        "http_health_check": {
            "path": check.path,
            "expected_statuses": [{"start": low, "end": high + 1} for low, high in check.statuses],
            # As on an ALB, any other answer counts towards the threshold, and does not remove the host at once.
            "retriable_statuses": [{"start": 100, "end": 600}],
            "request_headers_to_add": [{**agent, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}],
        },
    }


def endpoints(name: str, check: Check, listed: Sequence[tuple[Address, bool]]) -> Resource:
    """Return a cluster's hosts; the flag of a listed host is True if it drains."""
    return {
        "@type": f"{_TYPE}.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": [_endpoint(address, check, drains) for address, drains in listed]}],
    }


def _endpoint(address: Address, check: Check, drains: bool) -> Resource:  # noqa: FBT001
    checked: Resource = {"hostname": f"{address.ip}:{check.port or address.port}"}
    if check.port:
        checked["port_value"] = check.port
    return {
        "health_status": "DRAINING" if drains else "HEALTHY",
        "endpoint": {"address": _socket(address.ip, address.port), "health_check_config": checked},
    }


def _socket(address: str, port: int) -> Resource:
    return {"socket_address": {"address": address, "port_value": port}}


def _watched(path: Path) -> Resource:
    return {"resource_api_version": "V3", "path_config_source": {"path": str(path)}}


def _seconds(value: float) -> str:
    return f"{value:.3f}s"
