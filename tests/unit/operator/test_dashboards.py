"""Dashboards as a whole are held by golden files: VOICE_UPDATE_GOLDEN=1 writes them anew."""

import json
import os
from pathlib import Path

import pytest

from voiceprobe_operator.dashboards import Dashboard, fleet_dashboard, overview_dashboard, probe_dashboard
from voiceprobe_operator.model import Client, parse_probe

GOLDEN = Path(__file__).parent / "golden"
ACME = Client("acme", "Acme Ltd", "Europe/London")
PORTAL = "https://voice.example"
NAMES = ["overview", "probe", "fleet"]


@pytest.fixture
def boards(probe_body) -> dict[str, Dashboard]:
    probe = parse_probe(probe_body(displayName="Inbound sales line"))
    return {
        "overview": overview_dashboard(ACME, PORTAL),
        "probe": probe_dashboard(ACME, probe, PORTAL),
        "fleet": fleet_dashboard(),
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_is_as_in_its_golden_file(name, boards):
    path = GOLDEN / f"{name}.json"
    if os.environ.get("VOICE_UPDATE_GOLDEN"):
        path.write_text(json.dumps(boards[name].model(), indent=2) + "\n")
    assert boards[name].model() == json.loads(path.read_text())


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_says_what_it_shows_in_which_unit_and_what_no_data_means(name, boards):
    for panel in boards[name].model()["panels"]:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["noValue"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"]["uid"] == ("voice-fleet" if name == "fleet" else "voice-client")


@pytest.mark.parametrize("name", NAMES)
def test_what_a_column_is_told_is_told_to_a_column_that_comes(name, boards):
    for panel in boards[name].model()["panels"]:
        named = [o["matcher"]["options"] for o in panel["fieldConfig"]["overrides"] if o["matcher"]["id"] == "byName"]
        for column in named:
            assert f"AS `{column}`" in panel["targets"][0]["rawSql"], panel["title"]


@pytest.mark.parametrize("name", NAMES)
def test_what_was_not_measured_has_no_band(name, boards):
    """Grafana gives null the colour of the first band, which is the worst one of MOS."""
    for panel in boards[name].model()["panels"]:
        if panel["type"] == "timeseries":
            continue
        overrides = [{p["id"]: p["value"] for p in o["properties"]} for o in panel["fieldConfig"]["overrides"]]
        for field in [panel["fieldConfig"]["defaults"], *overrides]:
            if len(field.get("thresholds", {"steps": []})["steps"]) > 1:
                assert [m["options"]["match"] for m in field["mappings"]] == ["null"], panel["title"]


@pytest.mark.parametrize("name", NAMES)
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
    assert steps("R factor") == [("red", None), ("orange", 70.1), ("green", 79.4)]
    assert steps("Packet loss") == [("green", None), ("orange", 0.5), ("red", 2.0)]
    assert steps("Post-dial delay") == [("green", None), ("orange", 3000.0), ("red", 6000.0)]
    assert steps("Late media") == [("green", None), ("orange", 1000.0), ("red", 3000.0)]


def test_a_rating_of_unknown_band_has_no_bands(probe_body):
    probe = parse_probe(probe_body(call={"codecs": ["opus", "PCMA"]}))
    panels = {panel["title"]: panel for panel in probe_dashboard(ACME, probe, PORTAL).model()["panels"]}
    assert len(panels["R factor"]["fieldConfig"]["defaults"]["thresholds"]["steps"]) == 1


def test_the_revision_follows_the_content_and_is_a_tag(probe_body, boards):
    changed = parse_probe(probe_body(thresholds={"mos": {"warning": 4.1, "critical": 3.6}}))
    other = probe_dashboard(ACME, changed, PORTAL)
    assert other.revision != boards["probe"].revision
    assert f"revision-{other.revision}" in other.model()["tags"]


def test_a_new_probe_leaves_the_overview_alone():
    def made(client, portal=PORTAL):
        return overview_dashboard(client, portal).revision

    assert made(ACME) == made(Client("acme", "Acme plc", "Europe/London"))
    assert made(ACME) != made(Client("acme", "Acme Ltd", "UTC"))


def test_the_heat_map_follows_the_clients_clocks(probe_body):
    def heat_map(zone):
        board = probe_dashboard(Client("acme", "Acme", zone), parse_probe(probe_body()), PORTAL)
        return next(panel for panel in board.content["panels"] if panel["title"] == "MOS by hour and weekday")

    london, kolkata = heat_map("Europe/London"), heat_map("Asia/Kolkata")
    assert "Europe/London" in london["description"]
    assert "'2026-03-29 01:00:00'" in london["targets"][0]["rawSql"]
    assert "INTERVAL 19800 SECOND" in kolkata["targets"][0]["rawSql"]


def test_the_rows_of_calls_lead_to_the_portal(boards):
    def links(board, title):
        (panel,) = (panel for panel in boards[board].content["panels"] if panel["title"] == title)
        found = [p["value"] for o in panel["fieldConfig"]["overrides"] for p in o["properties"] if p["id"] == "links"]
        return [(link["url"], link["targetBlank"]) for ((link,),) in [found]]

    assert links("probe", "Calls") == [(f"{PORTAL}/c/acme/probes/inbound-sales/calls/${{__data.fields.Call}}/", True)]
    assert links("overview", "Worst ten calls") == [
        (f"{PORTAL}/c/acme/probes/${{__data.fields.Name}}/calls/${{__data.fields.Call}}/", True)
    ]
    assert links("overview", "Probes") == [
        ("/d/${__data.fields.Dashboard}/-?orgId=${__org.id}&${__url_time_range}", False)
    ]


HOSTILE = ["'; DROP TABLE voice_call; --", "${__user.login}", "[[x]]", "$__timeFilter(1)", "<script>alert(1)</script>",
           "{{ 7 * 7 }}", "line\nbreak", "a" * 10_000, "\N{PILE OF POO}", "`x`", "\\"]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: name[:20])
def test_a_hostile_display_name_stands_in_the_title_and_nowhere_else(name, probe_body):
    tame, hostile = (
        probe_dashboard(ACME, parse_probe(probe_body(displayName=shown)), PORTAL).content for shown in ("Tame", name)
    )
    assert hostile["title"] == f"{name} (inbound-sales)"
    assert {**hostile, "title": ""} == {**tame, "title": ""}


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_is_in_the_words_of_grafana_12_0_which_newer_ones_bring_up_to_their_own(name, boards):
    model = boards[name].model()
    assert model["schemaVersion"] == 41
    assert all("custom" in panel["fieldConfig"]["defaults"] for panel in model["panels"])
