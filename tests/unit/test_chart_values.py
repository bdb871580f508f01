"""values.yaml, its schema and its page of the documentation agree."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[2]
SCHEMA = CHECKOUT / "charts" / "voice-quality" / "values.schema.json"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("chart_values", CHECKOUT / "scripts" / "chart_values.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_values_yaml_says_now(maker: ModuleType) -> None:
    assert maker.TABLE.read_text() == maker.table(maker.VALUES.read_text()), "run `make chart-values`"


def test_a_value_without_a_comment_is_named(maker: ModuleType) -> None:
    with pytest.raises(maker.UndescribedError, match=r"nothing of some\.thing"):
        maker.table("some:\n  # a comment that is about no value\n  thing: 1\n")


def test_a_comment_of_several_lines_is_one_text_and_a_described_mapping_one_value(maker: ModuleType) -> None:
    text = "some:\n  # -- This\n  # and that | those.\n  thing: {a: 1}\n  # -- More.\n  rest:\n    deep: []\n"
    rows = maker.table(text).splitlines()[-2:]
    assert rows == [
        '| `some.thing` | `{"a": 1}` | This and that \\| those. |',
        '| `some.rest` | `{"deep": []}` | More. |',
    ]


def schema_at(name: str) -> dict[str, Any] | None:
    """What the schema says of a value; None: it does not know it."""
    root = json.loads(SCHEMA.read_text())
    node = root
    for key in name.split("."):
        node = node.get("properties", {}).get(key)
        if node is None:
            return None
        if "$ref" in node:
            node = root["definitions"][node["$ref"].rpartition("/")[2]]
    return node


def schema_names(node: dict[str, Any], root: dict[str, Any], prefix: str = "") -> set[str]:
    """Names of all values that the schema knows."""
    found = set()
    for key, below in node.get("properties", {}).items():
        resolved = root["definitions"][below["$ref"].rpartition("/")[2]] if "$ref" in below else below
        inner = schema_names(resolved, root, f"{prefix}{key}.")
        found |= inner or {prefix + key}
    return found


def test_the_schema_knows_every_value_and_no_other(maker: ModuleType) -> None:
    root = json.loads(SCHEMA.read_text())
    values = {value.name for value in maker.described(maker.VALUES.read_text())}
    # Helm hands down `global` to every chart.
    assert schema_names(root, root) - {"global"} == values


def test_helm_is_left_no_pattern_to_print() -> None:
    """Of a pattern, helm says the pattern and not what it is for: templates/_checks.tpl says that in words."""
    assert "pattern" not in SCHEMA.read_text().replace("no more than a pattern", "")
    assert schema_at("portal.url") == {"type": "string"}
