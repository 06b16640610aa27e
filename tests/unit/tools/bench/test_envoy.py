from tools.bench.envoy import compared, summed

STATS = {
    "cluster.lc-p.upstream_rq_total": 100,
    "cluster.lc-s.upstream_rq_total": 5,
    "cluster.lc-p.upstream_rq_retry": 2,
    "http.lc-p.downstream_rq_total": 104,
    "http.admin.downstream_rq_total": 4000,
    "listener.admin.http.admin.downstream_rq_total": 4000,
}


def counted(requests: int, retries: int = 0, pid: int = 7) -> dict[str, int]:
    return {"from_clients": requests, "to_services": requests + retries, "retries": retries, "pid": pid}


def test_counters_are_added_up_over_clusters_and_listeners_without_the_admin_interface() -> None:
    assert summed(STATS) == {"from_clients": 104, "to_services": 105, "retries": 2}


def test_every_request_went_to_a_service_once() -> None:
    found = compared(counted(10), counted(110), sent=100)
    assert found == {"sent": 100, "from_clients": 100, "to_services": 100, "retries": 0, "each_once": True}


def test_a_retry_a_lost_request_and_a_restart_of_envoy_are_found() -> None:
    assert not compared(counted(10), counted(110, retries=1), sent=100)["each_once"]
    assert not compared(counted(10), counted(109), sent=100)["each_once"]
    assert not compared(counted(0), counted(100, pid=8), sent=100)["each_once"]
