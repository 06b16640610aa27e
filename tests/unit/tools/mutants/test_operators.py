"""Mutations change one place of a tree, name what they change, and leave alone what no test could notice."""

import ast
from textwrap import dedent

import pytest

from tools.mutants.operators import Mutation, mutations, signatures


def found(source: str) -> list[Mutation]:
    tree = ast.parse(dedent(source))
    return list(mutations(tree, signatures([tree])))


def changes(source: str) -> set[tuple[str, str]]:
    """Return the statement before and after each mutation."""
    return {(each.before, each.after) for each in found(source)}


def afters(statement: str) -> set[str]:
    """Return what one statement in a function becomes."""
    return {each.after for each in found(f"def work(a, b, c):\n    {statement}\n")}


@pytest.mark.parametrize(
    ("statement", "mutated"),
    [
        ("x = a < b", {"x = a <= b", "x = a >= b"}),
        ("x = a >= b", {"x = a > b", "x = a < b"}),
        ("x = a == b", {"x = a != b"}),
        ("x = a is None", {"x = a is not None"}),
        ("x = a not in b", {"x = a in b"}),
        ("x = a and b", {"x = a or b", "x = a", "x = b"}),
        ("x = not a", {"x = a"}),
        ("x = -a", {"x = a"}),
        ("x = a + b", {"x = a - b"}),
        ("x = a - 1", {"x = a + 1", "x = a - 2", "x = a - 0"}),
        ("x = True", {"x = False"}),
        ("x = 0.5", {"x = 1.5"}),
        ("x = min(a, b)", {"x = max(a, b)"}),
        ("x = any(a)", {"x = all(a)"}),
        ("x = [y for y in a if y]", {"x = [y for y in a]"}),
        ("x = a if b else c", {"x = a if True else c", "x = a if False else c"}),
        ("a.append(b)", {"pass"}),
        ("a.x = b", {"pass"}),
        ("a += b", {"pass"}),
        ("raise a", {"pass"}),
        ("return a", {"return None"}),
        ("x = 'text'", set()),
        ("x = None", set()),
        ("return None", set()),
    ],
)
def test_statement_becomes(statement: str, mutated: set[str]) -> None:
    assert afters(statement) == mutated


def test_condition_is_taken_for_granted_and_refused() -> None:
    assert changes("def work(a):\n    if a:\n        return\n") == {("if a:", "if True:"), ("if a:", "if False:")}


@pytest.mark.parametrize(
    ("returns", "mutated"),
    [
        ("tuple[str, ...]", "return ()"), ("list[int]", "return []"), ("str", "return ''"),
        ("bool", "return not a"), ("Host", "return None"), ("Sequence[Host]", "return ()"),
    ],
)  # fmt: skip
def test_result_becomes_empty_by_its_type(returns: str, mutated: str) -> None:
    assert changes(f"def work(a) -> {returns}:\n    return a\n") == {("return a", mutated)}


def test_neighbours_of_one_type_are_swapped() -> None:
    source = """
        def move(source: str, target: str, times: int): ...
        def work(a, b, c):
            x = move(a, b, c)
    """
    assert changes(source) == {("x = move(a, b, c)", "x = move(b, a, c)")}


def test_caught_error_is_raised_again() -> None:
    source = """
        def work():
            try:
                x = y
            except KeyError:
                x = z
    """
    assert changes(source) == {("try: … except KeyError: x = z", "try: … except KeyError: raise")}


def test_guard_of_a_case_is_dropped() -> None:
    source = """
        def work(a):
            match a:
                case str() if x:
                    pass
    """
    assert changes(source) == {("match a: case str() if x", "match a: case str()")}


def test_decorator_is_removed_unless_it_makes_the_name_another_thing() -> None:
    assert [each.operator for each in found("@guarded\ndef work(): ...\n")] == ["removed decorator"]
    assert found("class A:\n    @property\n    def work(self): ...\n") == []


@pytest.mark.parametrize(
    "source",
    [
        "class Port(Protocol):\n    def read(self, limit: int = 5) -> bool:\n        return 1 < 2\n",
        "class A:\n    def __repr__(self):\n        return 1 < 2\n",
        "if TYPE_CHECKING:\n    x = 1\n",
        "def work(a):\n    assert_never(a)\n",
        "Names: TypeAlias = dict[str, Literal[1]]\n",
        "def work(a: Literal[1]) -> Literal[2]: ...\n",
        "def work(a, b):\n    x = zip(a, b, strict=True)\n",
        "def work():\n    '''Return 1 < 2.'''\n",
    ],
)
def test_place_that_no_test_could_notice_is_left_alone(source: str) -> None:
    assert found(source) == []


def test_tree_is_as_before_after_each_mutation() -> None:
    source = "def work(a, b=1):\n    if a and not b or a < 2:\n        a.append(-b)\n    return [x for x in a if x]\n"
    tree = ast.parse(source)
    before = ast.dump(tree)
    mutants = [ast.unparse(tree) for _ in mutations(tree, {})]
    assert ast.dump(tree) == before
    assert len(mutants) == len(set(mutants)) > 12
    assert ast.unparse(tree) not in mutants


def test_lines_are_those_that_run_the_place() -> None:
    source = """
        LIMIT = 5
        def work(a, b=1):
            x = a
            return [
                y + 1
                for y in x
            ]
        class A:
            size: int = 3
    """
    lines = {each.before: each.lines for each in found(source)}
    assert lines["LIMIT = 5"] == ()
    assert lines["size: int = 3"] == ()
    assert lines["return [y + 1 for y in x]"] == (5,)
    assert lines["def work(a, b=1):\n    ..."] == (4, 5)
