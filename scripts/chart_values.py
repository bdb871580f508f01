"""Write docs/chart-values.md, the table of the chart's values, from the comments of its values.yaml.

A comment that begins with `# --` says what the value below it is for. A mapping with such a comment is one value,
whatever is in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).parents[1]
VALUES = CHECKOUT / "charts" / "voice-quality" / "values.yaml"
TABLE = CHECKOUT / "docs" / "chart-values.md"
HEAD = """\
# Values of the chart

`helm upgrade --install voice-quality charts/voice-quality --namespace voice-quality --values FILE` takes these. Three
are required: `mysql.host`, `grafana.url` and `portal.url`. What cannot be is refused in a sentence before anything is
changed.

Made from the comments of [values.yaml](../charts/voice-quality/values.yaml) by `make chart-values`.

| value | default | is |
|---|---|---|
"""


class UndescribedError(Exception):
    """A value has no comment that says what it is for."""


@dataclass(frozen=True)
class Value:
    """One value: its name with dots, its default, and what it is for."""

    name: str
    default: object
    says: str

    @property
    def row(self) -> str:
        """Its row of the table."""
        shown = "" if self.default == "" else f"`{json.dumps(self.default)}`"
        return f"| `{self.name}` | {shown} | {self.says.replace('|', chr(92) + '|')} |"


def table(text: str) -> str:
    """The whole page, from the text of values.yaml; raises UndescribedError."""
    return HEAD + "".join(f"{value.row}\n" for value in described(text))


def described(text: str) -> list[Value]:
    """Every value of values.yaml, in its order; raises UndescribedError."""
    return list(_walk("", yaml.safe_load(text), _comments(text)))


def _walk(prefix: str, values: dict[str, Any], comments: dict[str, str]) -> Iterator[Value]:
    for key, default in values.items():
        name = prefix + key
        if says := comments.get(name):
            yield Value(name, default, says)
        elif isinstance(default, dict) and default:
            yield from _walk(f"{name}.", default, comments)
        else:
            raise UndescribedError(f"values.yaml says nothing of {name}: put a comment `# -- …` above it")


def _comments(text: str) -> dict[str, str]:
    """The comments of values.yaml by the names of the values below them."""
    found: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    comment = ""
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("# -- "):
            comment = bare.removeprefix("# -- ")
        elif bare.startswith("# ") and comment:
            comment += " " + bare.removeprefix("# ")
        elif bare and not bare.startswith("#"):
            indent = len(line) - len(line.lstrip())
            path = [(depth, key) for depth, key in path if depth < indent] + [(indent, bare.partition(":")[0])]
            if comment:
                found[".".join(key for _, key in path)] = comment
            comment = ""
        else:
            comment = ""
    return found


if __name__ == "__main__":
    TABLE.write_text(table(VALUES.read_text()))
