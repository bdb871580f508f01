"""Rows of tables of what was recorded: a request, and the answer to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.contract.grafana.matching import Json
from tests.contract.grafana.server import Asker


@dataclass(frozen=True)
class Case:
    """One request and its answer, in which `<name>` stands for a value that is known when the test runs.

    Attributes:
        before: the version in which it changed, with what it is then; "" if it did not.
    """

    method: str
    path: str
    body: Json
    status: int
    recorded: Json
    before: tuple[str, str] = ("", "")

    def ask(self, asker: Asker, names: Mapping[str, Any]) -> httpx.Response:
        return asker.ask(self.method, fill(self.path, names), fill(self.body, names))

    def check(self, asker: Asker, names: Mapping[str, Any]) -> Any:
        """Ask, and compare the whole answer with the recorded one; the answer's body."""
        if self.before[0]:
            asker.server.only_before(*self.before)
        return asker.server.check(self.ask(asker, names), self.status, fill(self.recorded, names))


def case(
    name: str, request: str, body: Json, status: int, recorded: Json, *, before: tuple[str, str] = ("", "")
) -> Any:
    """A row of `table`: what it shows, method and path, and so on as in `Case`."""
    method, _, path = request.partition(" ")
    return pytest.param(Case(method, path, body, status, recorded, before), id=name)


def table(*rows: Any) -> pytest.MarkDecorator:
    """Run a test for each of the rows, as its parameter `case`."""
    return pytest.mark.parametrize("case", rows)


def fill(value: Json, names: Mapping[str, Any]) -> Json:
    """`value` with what its placeholders stand for; a text that is nothing but one becomes that very value."""
    if isinstance(value, str):
        if value[1:-1] in names and value == f"<{value[1:-1]}>":
            return names[value[1:-1]]
        for name, known in names.items():
            value = value.replace(f"<{name}>", str(known))
        return value
    if isinstance(value, dict):
        return {fill(key, names): fill(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [fill(each, names) for each in value]
    return value
