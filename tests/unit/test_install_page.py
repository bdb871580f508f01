"""docs/install.md, as far as it can be judged without a cluster: what it quotes is what the product says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.pods.install_page import PAGE, blocks, filled_in
from voice_lab.places import CHECKOUT
from voice_portal.cdr import grants

SPEAKERS = ("operator/voiceprobe_operator", "portal/voice_portal")
CHART = CHECKOUT / "charts" / "voice-quality" / "templates"
# Said by the kubelet and by nginx.
NOT_OURS = {"not found", "could not be resolved"}
QUOTE = re.compile(r"`([^`]+)`")
OPEN = re.compile(r"%[sdvq]")


def statements() -> Iterator[str]:
    """What `service_accounts` does on MySQL, an account in one statement."""
    yield next(iter(grants.database_statements("voice")))
    for account in grants.ACCOUNTS:
        need = "SSL" if account.tls_required else "NONE"
        yield f"CREATE USER IF NOT EXISTS '{account.name}'@'%' IDENTIFIED BY '…' REQUIRE {need}"
        made, _, *rights = grants.account_statements(account, "voice")
        assert account.name in made
        yield from rights


def test_a_database_administrator_is_given_the_statements_of_the_command() -> None:
    (block,) = blocks(PAGE.read_text(), "sql")["MySQL"]
    assert block.splitlines() == [f"{statement};" for statement in statements()]


@cache
def sayings() -> tuple[str, ...]:
    """Every text that the product may say, with … for what is filled in."""
    found = [saying for folder in SPEAKERS for path in (CHECKOUT / folder).rglob("*.py") for saying in literals(path)]
    pages = [*(CHECKOUT / SPEAKERS[1]).rglob("*.html"), *CHART.rglob("*.yaml"), *CHART.rglob("*.tpl")]
    return tuple(OPEN.sub("…", " ".join(text.split())) for text in [*found, *(path.read_text() for path in pages)])


def literals(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def symptoms() -> list[str]:
    """What the tables of the last section quote in their first column."""
    section = PAGE.read_text().partition("\n## When something is wrong\n")[2]
    cells = [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| ")]
    return [quote for cell in cells for quote in QUOTE.findall(cell) if " " in quote and quote not in NOT_OURS]


@pytest.mark.parametrize("symptom", symptoms())
def test_what_the_page_quotes_is_what_the_product_says(symptom: str) -> None:
    pieces = [piece for piece in re.split(r" ?… ?", symptom) if piece]
    assert any(all(piece in saying for piece in pieces) for saying in sayings()), symptom


def test_there_are_symptoms_of_each_kind() -> None:
    found = symptoms()
    assert len(found) > 30
    for said in ("voice-quality cannot be installed so:", "The portal cannot start:", "This form is too old"):
        assert said in found


def test_the_sizes_stand_beside_what_the_chart_asks_for() -> None:
    values = yaml.safe_load((CHART.parent / "values.yaml").read_text())
    portal = values["portal"]
    for name, resources in (
        ("operator", values["operator"]["resources"]),
        ("portal", portal["resources"]),
        ("proxy", portal["proxyResources"]),
    ):
        asked, most = (resources[kind]["memory"].removesuffix("Mi") for kind in ("requests", "limits"))
        (row,) = re.findall(rf"^\| {name}\b.*MB \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
        assert row == f"{asked}, {most} MiB", name


def test_only_the_names_are_to_be_changed() -> None:
    """No example of a host stands in a block that is run, but in that one."""
    for section, each in blocks(PAGE.read_text()).items():
        if section != "Names":
            assert "example.net" not in "".join(each), section


def test_a_value_without_an_answer_is_an_error() -> None:
    assert filled_in("A='x'\nB=1\n", {"A": "y"}) == "A='y'\nB=1\n"
    with pytest.raises(KeyError):
        filled_in("A='x'\n", {})
