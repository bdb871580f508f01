"""Every golden dashboard by what Grafana publishes of 12 and 13; docs/dashboards.md says what that proves."""

import copy
import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from tests.unit.operator import published
from tests.unit.operator.published import VERSIONS, Json

GOLDEN = {
    path.stem: board
    for path in sorted((Path(__file__).parent / "golden").glob("*.json"))
    if "panels" in (board := json.loads(path.read_text()))
}


def changed(change: Callable[[Json], None], kind: str = "table") -> Json:
    """A golden dashboard with one panel, which shows columns that it hides, if it is a table; with a change."""
    (panel, *_) = (
        panel
        for panel in GOLDEN["overview"]["panels"]
        if panel["type"] == kind and (kind != "table" or "custom.hidden" in json.dumps(panel))
    )
    board = copy.deepcopy({**GOLDEN["overview"], "panels": [panel]})
    change(board)
    return board


def in_panel(change: Callable[[Json], object], kind: str = "table") -> Json:
    return changed(lambda board: change(board["panels"][0]) and None, kind)


def overriding(name: str, value: object) -> Json:
    rule = {"matcher": {"id": "byName", "options": "MOS"}, "properties": [{"id": name, "value": value}]}
    return in_panel(lambda panel: panel["fieldConfig"]["overrides"].append(rule))


def hiding_only_by(name: str) -> Json:
    def change(panel: Json) -> None:
        for override in panel["fieldConfig"]["overrides"]:
            kept = [each for each in override["properties"] if "hid" not in each["id"] or each["id"] == name]
            override["properties"] = kept

    return in_panel(change)


def of_kind(kind: str) -> Json:
    bare = {"type": kind, "options": {}, "fieldConfig": {"defaults": {"custom": {}}, "overrides": []}}
    return in_panel(lambda panel: panel.update(bare))


NEW = ["12.4", "13.0", "13.2"]
# What each release refuses, and a word of what it says.
BAD: dict[str, tuple[Json, list[str], str]] = {
    "field-of-a-dashboard": (changed(lambda board: board.update(colour="red")), VERSIONS, "colour"),
    "field-of-a-panel": (in_panel(lambda panel: panel.update(colour="red")), VERSIONS, "colour"),
    "field-of-a-query": (in_panel(lambda panel: panel["targets"][0].update(colour="red")), VERSIONS, "colour"),
    "option": (in_panel(lambda panel: panel["options"].update(colour="red")), VERSIONS, "colour"),
    "option-of-12.4": (in_panel(lambda panel: panel["options"].update(enablePagination=True)), ["12.0"], "enablePag"),
    "option-within-an-option": (
        in_panel(lambda panel: panel["options"]["legend"].update(colour="red"), "timeseries"),
        VERSIONS,
        "colour",
    ),
    "word-for-an-option": (
        in_panel(lambda panel: panel["options"]["legend"].update(placement="left"), "timeseries"),
        VERSIONS,
        "left",
    ),
    "custom-field": (
        in_panel(lambda panel: panel["fieldConfig"]["defaults"]["custom"].update(colour="red")),
        VERSIONS,
        "colour",
    ),
    "display-mode": (
        in_panel(lambda panel: panel["fieldConfig"]["defaults"]["custom"].update(displayMode="auto")),
        VERSIONS,
        "displayMode",
    ),
    "display-mode-in-an-override": (overriding("custom.displayMode", "color-text"), VERSIONS, "custom.displayMode"),
    "override": (overriding("custom.colour", "red"), VERSIONS, "custom.colour"),
    "value-of-an-override": (overriding("custom.width", "wide"), VERSIONS, "string"),
    "field-within-an-override": (
        overriding("thresholds", {"mode": "absolute", "steps": [], "fixedColor": "red"}),
        VERSIONS,
        "fixedColor",
    ),
    "cell-type": (overriding("custom.cellOptions", {"type": "color-background-solid"}), VERSIONS, "color-background"),
    "hidden-in-the-old-way-only": (hiding_only_by("custom.hidden"), NEW, "custom.hidden"),
    "hidden-in-the-new-way-only": (hiding_only_by("custom.hideFrom.viz"), ["12.0"], "custom.hideFrom.viz"),
    "graph": (of_kind("graph"), VERSIONS, "there is no panel graph"),
    "table-old": (of_kind("table-old"), VERSIONS, "there is no panel table-old"),
    "singlestat": (of_kind("singlestat"), VERSIONS, "there is no panel singlestat"),
    "datagrid-gone-in-13": (of_kind("datagrid"), ["13.0", "13.2"], "there is no panel datagrid"),
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], list[str]]:
    boards = {**GOLDEN, **{name: board for name, (board, _, _) in BAD.items()}}
    return published.refusals(boards, tmp_path_factory.mktemp("schemas"))


def test_there_are_golden_dashboards():
    assert {"overview", "probe", "fleet"} <= set(GOLDEN)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", GOLDEN)
def test_grafanas_types_know_all_of_a_dashboard(name, version, refusals):
    assert not refusals[name, version], "\n".join(refusals[name, version])


@pytest.mark.parametrize("name", BAD)
def test_grafanas_types_refuse_what_is_not_theirs(name, refusals):
    _, by, word = BAD[name]
    assert [version for version in VERSIONS if refusals[name, version]] == by
    for version in by:
        (said,) = refusals[name, version]
        assert word in said


@pytest.mark.parametrize("name", GOLDEN)
def test_the_foundation_sdk_gives_a_dashboard_back_as_it_read_it(name):
    board = GOLDEN[name]
    assert published.sdk_round_trip(board) == published.with_what_the_sdk_adds(board)


@pytest.mark.parametrize("name", GOLDEN)
def test_the_foundation_sdk_has_every_type_of_panel(name):
    assert {panel["type"] for panel in GOLDEN[name]["panels"]} <= published.sdk_kinds()
    assert not {"graph", "table-old", "singlestat"} & published.sdk_kinds()


@pytest.mark.parametrize(
    "name", ["field-of-a-dashboard", "field-of-a-panel", "option", "option-within-an-option", "custom-field"]
)
def test_the_foundation_sdk_loses_what_it_does_not_know(name):
    board, _, _ = BAD[name]
    assert "colour" not in json.dumps(published.sdk_round_trip(board))
    assert published.sdk_round_trip(board) != published.with_what_the_sdk_adds(board)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_dashboard_needs_nothing_of_a_newer_grafana(name):
    """A Grafana brings an older dashboard up to its own `schemaVersion`, and a newer one not down."""
    assert GOLDEN[name]["schemaVersion"] == min(published.schema_version(version) for version in VERSIONS)


def test_what_judges_is_under_the_apache_license():
    place = published.installed()
    texts = [*place.glob("*/node_modules/@grafana/schema/LICENSE*"), place / "node_modules/typescript/LICENSE.txt"]
    assert len(texts) == len(VERSIONS) + 1
    (sdk,) = (file for file in metadata.files("grafana-foundation-sdk") or [] if file.name == "LICENSE")
    for text in [*texts, Path(sdk.locate())]:
        words = " ".join(text.read_text().split())
        assert words.startswith("Apache License Version 2.0, January 2004"), text
