"""The dashboards as Grafana draws them in a real browser, for a client's voice engineer and for the staff."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Page, Response

from tests.e2e.conftest import BOSS, System
from voice_lab.services import grafana

pytestmark = [
    pytest.mark.services,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not grafana.is_real(), reason="needs Grafana's own pages, and no Grafana is installed here"),
]

PATIENCE_MS = 60_000
# Grafana asks for what can be seen only.
SCREEN = {"width": 1300, "height": 2800}
DRAWN = {"timeseries", "state-timeline"}


class Desk:
    """A page, and what Grafana's data source answered to it."""

    def __init__(self, system: System, page: Page) -> None:
        self.page, self.url = page, system.lab.portal_url
        self.answers: list[Response] = []
        self.faults: list[str] = []
        page.on("response", self._noted)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._said)

    def _noted(self, response: Response) -> None:
        if "/api/ds/query" in response.url:
            self.answers.append(response)

    def _said(self, message: ConsoleMessage) -> None:
        """A browser says here what the content policy forbade."""
        if "Content Security Policy" in message.text:
            self.faults.append(message.text)

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)

    def see(self, uid: str) -> list[dict[str, Any]]:
        """Look at a dashboard until every panel has its answer; its panels."""
        self.open(f"/grafana/d/{uid}/-?kiosk&from=now-1h&to=now")
        found = self.page.request.get(f"{self.url}/grafana/api/dashboards/uid/{uid}").json()
        panels: list[dict[str, Any]] = found["dashboard"]["panels"]
        waited, asked = 0, set[str]()
        while len(asked) < len(panels):
            assert waited < PATIENCE_MS, f"{len(asked)} of {len(panels)} panels have asked"
            asked = {answer.request.headers["x-panel-id"] for answer in self.answers}
            self.page.wait_for_timeout(100)
            waited += 100
        return panels


@pytest.fixture
def desk(system: System, signed_in: Page) -> Desk:
    """The desk of who is signed in."""
    signed_in.set_viewport_size(SCREEN)  # type: ignore[arg-type]
    signed_in.set_default_timeout(PATIENCE_MS)
    return Desk(system, signed_in)


def assert_drawn(desk: Desk, panels: list[dict[str, Any]]) -> None:
    """Every panel asked something that the database understood, and shows its title and a drawing or a table."""
    for answer in desk.answers:
        assert answer.status == 200, answer.text()
        assert all("error" not in result for result in answer.json()["results"].values()), answer.text()
    for panel in panels:
        desk.page.get_by_text(panel["title"], exact=True).first.wait_for()
    canvases = sum(panel["type"] in DRAWN for panel in panels)
    desk.page.locator(".uplot canvas").nth(canvases - 1).wait_for()
    tables = sum(panel["type"] == "table" for panel in panels)
    desk.page.get_by_role("table").nth(tables - 1).wait_for()
    for empty in {panel["fieldConfig"]["defaults"]["noValue"] for panel in panels}:
        assert desk.page.get_by_text(empty, exact=True).count() == 0, empty
    assert desk.faults == []


def test_every_panel_of_the_overview_is_drawn_and_leads_to_a_probe(desk: Desk) -> None:
    assert_drawn(desk, desk.see("voice-overview"))
    desk.page.locator("a[href*='/d/vp-']", has_text="Claims hotline").first.click()
    desk.page.wait_for_url("**/grafana/d/vp-**")


def test_every_panel_of_a_probe_is_drawn_and_leads_to_its_calls(desk: Desk) -> None:
    desk.open("/c/acme/probes/claims-hotline/")
    source = desk.page.locator("iframe").get_attribute("src")
    assert source is not None
    desk.page.goto("about:blank")
    desk.answers.clear()
    assert_drawn(desk, desk.see(source.split("/")[3]))
    with desk.page.expect_popup() as opened:
        desk.page.locator("a[href*='/c/acme/probes/claims-hotline/calls/']").first.click()
    opened.value.get_by_role("heading", name="Call of").wait_for()


def test_the_portal_shows_all_probes_over_time(desk: Desk) -> None:
    desk.open("/c/acme/")
    desk.page.get_by_role("link", name="All probes over time").click()
    frame = desk.page.frame_locator("iframe")
    frame.get_by_text("Health over time", exact=True).wait_for()
    desk.page.get_by_role("link", name="24h").click()
    frame.get_by_text("Worst ten calls", exact=True).wait_for()
    assert "from=now-24h" in (desk.page.locator("iframe").get_attribute("src") or "")


@pytest.mark.usefixtures("boss")
@pytest.mark.parametrize("signed_in", [BOSS], indirect=True)
def test_every_panel_of_the_fleet_is_drawn_for_the_staff(desk: Desk) -> None:
    desk.open("/fleet/")
    desk.page.goto("about:blank")
    desk.answers.clear()
    assert_drawn(desk, desk.see("voice-fleet"))
