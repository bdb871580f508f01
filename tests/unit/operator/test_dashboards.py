"""Dashboards as a whole are held by golden files: VOICE_UPDATE_GOLDEN=1 writes them anew."""

import json
import os
from pathlib import Path

import pytest

from voiceprobe_operator.dashboards import Dashboard, overview_dashboard, probe_dashboard
from voiceprobe_operator.model import Client, parse_probe

GOLDEN = Path(__file__).parent / "golden"
ACME = Client("acme", "Acme Ltd", "Europe/London")


@pytest.fixture
def boards(probe_body) -> dict[str, Dashboard]:
    probe = parse_probe(probe_body(displayName="Inbound sales line"))
    return {"overview": overview_dashboard(ACME), "probe": probe_dashboard(ACME, probe)}


@pytest.mark.parametrize("name", ["overview", "probe"])
def test_a_dashboard_is_as_in_its_golden_file(name, boards):
    path = GOLDEN / f"{name}.json"
    if os.environ.get("VOICE_UPDATE_GOLDEN"):
        path.write_text(json.dumps(boards[name].model(), indent=2) + "\n")
    assert boards[name].model() == json.loads(path.read_text())


@pytest.mark.parametrize("name", ["overview", "probe"])
def test_every_panel_says_what_it_shows_and_what_no_data_means(name, boards):
    for panel in boards[name].model()["panels"]:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["noValue"]
        assert panel["datasource"]["uid"] == "voice-cdr"


@pytest.mark.parametrize("name", ["overview", "probe"])
def test_panels_do_not_overlap(name, boards):
    taken = set()
    for panel in boards[name].model()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_the_bands_of_mos_turn_red_downwards_and_those_of_loss_upwards(boards):
    panels = {panel["title"]: panel for panel in boards["probe"].model()["panels"]}

    def steps(title):
        return [(s["color"], s["value"]) for s in panels[title]["fieldConfig"]["defaults"]["thresholds"]["steps"]]

    assert steps("MOS") == [("red", None), ("orange", 3.6), ("green", 4.0)]
    assert steps("Packet loss") == [("green", None), ("orange", 0.5), ("red", 2.0)]
    assert steps("Post-dial delay") == [("green", None), ("orange", 3000.0), ("red", 6000.0)]


def test_the_revision_follows_the_content_and_is_a_tag(probe_body, boards):
    other = probe_dashboard(ACME, parse_probe(probe_body(thresholds={"mos": {"warning": 4.1, "critical": 3.6}})))
    assert other.revision != boards["probe"].revision
    assert f"revision-{other.revision}" in other.model()["tags"]


def test_a_new_probe_leaves_the_overview_alone():
    assert overview_dashboard(ACME).revision == overview_dashboard(Client("acme", "Acme plc", "Europe/London")).revision
    assert overview_dashboard(ACME).revision != overview_dashboard(Client("acme", "Acme Ltd", "UTC")).revision
