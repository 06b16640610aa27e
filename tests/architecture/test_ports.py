"""Every port has a contract: the same tests run on its fake and on its gateway."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.conftest import Gateways
from tests.contract.test_edges import EDGES

ROOT = Path(__file__).resolve().parents[2]
PORTS = ROOT / "layers" / "core" / "python" / "lifecycle" / "application" / "ports"
# The values that a port returns are Protocols too.
VALUES = {"BuildState"}
# Gateways have an attribute for each port, with the port as its type.
ATTRIBUTES = {
    str(kind.__name__): name for name, kind in Gateways.__annotations__.items() if hasattr(kind, "__name__")
}


def ports() -> Iterator[tuple[str, str]]:
    """Yield each port and one of its methods."""
    for path in sorted(PORTS.glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Protocol" for base in node.bases):
                yield from ((node.name, each.name) for each in node.body if isinstance(each, ast.FunctionDef))


METHODS = [(port, method) for port, method in ports() if port not in VALUES]


def called() -> set[str]:
    """Return the methods that the contract's tests call, whatever they call them on."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "tests" / "contract").glob("test_*.py")]
    return {
        node.func.attr
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }


def test_ports_are_found() -> None:
    assert {("Leases", "acquire"), ("Executions", "answer_token"), ("Clock", "sleep")} <= set(METHODS)


@pytest.mark.parametrize("port", sorted({port for port, _ in METHODS}))
def test_every_port_has_a_fake_and_a_gateway_in_the_contract(port: str) -> None:
    assert port in ATTRIBUTES, "give tests/contract/conftest.py:Gateways this port, in memory and on AWS"


@pytest.mark.parametrize(("port", "method"), METHODS, ids=".".join)
def test_the_contract_calls_every_method(port: str, method: str) -> None:
    assert method in called(), f"no test of tests/contract calls {port}.{method}"


def test_empty_and_longest_values_are_tried_for_every_port() -> None:
    assert {name.partition(".")[0] for name, _, _ in EDGES} == {ATTRIBUTES[port] for port, _ in METHODS}
