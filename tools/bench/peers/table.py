"""The comparison as ratios and as a Markdown table. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

LIFECYCLE = "lifecycle"
_NOT_LIFECYCLES = frozenset({"services", "envoy", "builds", "console", "codebuild endpoint"})
_HEADER = (
    "tool",
    "hosts",
    "a host, s: median (least to greatest)",
    "orchestration a host, s",
    "whole rollout ÷ hosts, s",
    "processor a host, s",
    "failed",
    "p99 ÷ p99 at rest",
)
_RATIOS = ("Lifecycle's orchestration ÷ that of", "hosts", "a host", "whole rollout")


def processor(name: str, cpu: Mapping[str, Mapping[str, float]]) -> float:
    """Return a tool's processor seconds for each host, from the medians by part.

    A peer's are its own processes'. Lifecycle's are the control plane's and the agents': everything but the
    service, Envoy and what only a build or a person uses.
    """
    counted = cpu.keys() - _NOT_LIFECYCLES if name == LIFECYCLE else {"tool", "sshd"}
    return round(sum(cpu[part].get("median", 0.0) for part in counted if part in cpu), 3)


def ratios(found: Mapping[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """Return Lifecycle's seconds over each peer's, less the service's own, by peer and number of hosts."""
    tools, own = found["tools"], found["service_own_seconds"]["median"]
    ours = tools.get(LIFECYCLE, {"hosts": {}})["hosts"]
    return {
        name: {
            size: {
                "a_host": _ratio(ours[size]["wall_seconds"], figures["wall_seconds"], own),
                "whole_rollout": _ratio(ours[size]["whole_seconds"], figures["whole_seconds"], own),
            }
            for size, figures in tool["hosts"].items()
            if size in ours
        }
        for name, tool in tools.items()
        if name != LIFECYCLE
    }


def markdown(found: Mapping[str, Any], machine: Mapping[str, Any]) -> str:
    """Return the figures as a table, one as ratios, and a line for each tool that is not available."""
    own = found["service_own_seconds"]
    intro = (
        f"{machine['cpus']} CPUs ({machine['cpu_model']}), Python {machine['python']}, {found['date']}. "
        f"{found['rate']:.0f} requests per second. The service's own stop, start and self-test: "
        f"{own['median']:.2f} s ({own['min']:.2f} to {own['max']:.2f})."
    )
    rows = [
        (f"{name} {tool['version']}".strip(), size, *_cells(figures))
        for name, tool in found["tools"].items()
        for size, figures in tool["hosts"].items()
    ]
    parts = [intro, _table(_HEADER, rows)]
    if compared := [
        (name, size, f"{each['a_host']:.2f}", f"{each['whole_rollout']:.2f}")
        for name, sizes in found["ratios"].items()
        for size, each in sizes.items()
    ]:
        parts.append(_table(_RATIOS, compared))
    parts += [f"{name}: not available: {why}" for name, why in found["not_available"].items()]
    parts += [f"{what}: not measured: {why}" for what, why in found["not_measured"].items()]
    return "\n\n".join(parts) + "\n"


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, tuple("---" for _ in header), *rows))


def _cells(figures: Mapping[str, Any]) -> tuple[str, ...]:
    wall = figures["wall_seconds"]
    ratio = figures["p99_ratio"]
    return (
        f"{wall['median']:.2f} ({wall['min']:.2f} to {wall['max']:.2f})",
        f"{figures['orchestration_seconds']['median']:.2f}",
        f"{figures['whole_seconds']['median']:.2f}",
        f"{figures['processor_seconds']:.2f}",
        f"{figures['failed']} of {figures['requests']}",
        "-" if ratio is None else f"{ratio:.2f}",
    )


def _ratio(ours: Mapping[str, float], theirs: Mapping[str, float], own: float) -> float:
    left = theirs["median"] - own
    return round((ours["median"] - own) / left, 2) if left > 0 else float("inf")
