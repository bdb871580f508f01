"""`given or Default()` throws away what was given where it is empty and so false: an admission queue, a pool, a cache.

The limits of a SIP host were never applied for that reason. ruff has no rule for it; this is one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("sipapp", "operator", "portal", "lab", "bench", "scripts", "tests")
CLASS = re.compile(r"_?[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*")
CONTAINERS = {"dict", "list", "set", "deque", "defaultdict", "bytearray"}
# Reading so much makes the garbage collector close what the SIP stack left open in a test before.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

INSTEAD = "write `Default() if given is None else given`: an object that is empty may be false, and is not none"


def defaults(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each default in `source` that a test of truth chooses in place of what was given.

    That is a new object of a class (a name in CapWords) wherever it stands, and a new container where it is kept in an
    attribute, and whoever gave an empty one to be filled keeps another. What is only read may be `given or {}`.
    """
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.BoolOp(op=ast.Or(), values=[*_, last]):
                found = _makes_object(last)
            case ast.IfExp():
                found = _chosen_by_truth(node)
            case ast.If():
                found = _set_by_truth(node)
            case ast.Assign() | ast.AnnAssign():
                found = _is_kept(node) and _container_by_truth(node.value)
            case _:
                found = False
        if found:
            yield node.lineno, ast.unparse(node)


def _makes_object(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return CLASS.fullmatch(name) is not None


def _chosen_by_truth(node: ast.IfExp) -> bool:
    """`given if given else Default()`, or `Default() if not given else given`."""
    negated = isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)
    test = node.test.operand if isinstance(node.test, ast.UnaryOp) else node.test
    kept, made = (node.orelse, node.body) if negated else (node.body, node.orelse)
    return _makes_object(made) and ast.dump(test) == ast.dump(kept)


def _set_by_truth(node: ast.If) -> bool:
    """`if not given: given = Default()`."""
    if not (isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)):
        return False
    first = node.body[0]
    return (
        isinstance(first, ast.Assign)
        and _makes_object(first.value)
        and ast.unparse(first.targets[0]) == ast.unparse(node.test.operand)
    )


def _is_kept(node: ast.Assign | ast.AnnAssign) -> bool:
    return any(
        isinstance(each, ast.Attribute) for each in (node.targets if isinstance(node, ast.Assign) else [node.target])
    )


def _container_by_truth(node: ast.expr | None) -> bool:
    if not (isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or) and isinstance(node.values[0], ast.Name)):
        return False
    made = node.values[-1]
    called = isinstance(made, ast.Call) and getattr(made.func, "id", "") in CONTAINERS
    return called or isinstance(made, ast.Dict | ast.List | ast.Set)


@pytest.mark.parametrize("part", PARTS)
def test_no_default_takes_the_place_of_what_is_empty(part: str):
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text.splitlines()[0]}"
        for path in sorted((ROOT / part).rglob("*.py"))
        for line, text in defaults(path.read_text(encoding="utf-8"))
    ]
    assert not found, f"{INSTEAD}\n" + "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "self._turns = turns or Turns()",
        "self._turns = turns or limits.Turns(7)",
        "known = self._known.pop(client, None) or _Known()",
        "f(given or fallback or Pool(3))",
        "x = turns if turns else Turns()",
        "x = Turns() if not turns else turns",
        "if not turns:\n    turns = Turns()",
        "self._seen = seen or {}",
        "self._seen: dict[str, int] = seen or dict()",
        "self._queue = queue or deque()",
    ],
)
def test_it_finds(source: str):
    assert list(defaults(source))


@pytest.mark.parametrize(
    "source",
    [
        "x = Turns() if turns is None else turns",
        "if turns is None:\n    turns = Turns()",
        "x = is_long or Turns",
        "for key in body.get('labels') or {}:\n    pass",
        "spec = body.get('spec') or {}",
        "held = found is None or Lease(*key) in leases",
        "x = name or default()",
        "x = DEFAULT or LIMIT()",
        "x = Turns() if late else turns",
    ],
)
def test_it_leaves_alone(source: str):
    assert not list(defaults(source))
