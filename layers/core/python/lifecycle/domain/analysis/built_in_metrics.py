"""Metrics that are judged for every service: error rate and latency, as the load balancer measures them.

Read minute by minute through application/ports/metrics.py. A service adds its own in lifecycle.toml.
docs/test-bed-statistics.md explains the thresholds.
"""

from lifecycle.domain.analysis.model import Better, Measure, Scale

ERROR_RATE = Measure(
    name="error rate",
    better=Better.LOWER,
    scale=Scale.DIFFERENCE,
    minimum_effect=0.002,
    non_inferiority_margin=0.01,
    unit="share of requests",
    of_requests=True,
)
# Below 5 ms the network and the machine decide, not the service.
LATENCY_P50 = Measure(
    "latency p50", Better.LOWER, Scale.RATIO, minimum_effect=0.1, non_inferiority_margin=0.2, unit="s", least=0.005
)
LATENCY_P99 = Measure(
    "latency p99", Better.LOWER, Scale.RATIO, minimum_effect=0.1, non_inferiority_margin=0.25, unit="s", least=0.005
)

BUILT_IN = (ERROR_RATE, LATENCY_P50, LATENCY_P99)
