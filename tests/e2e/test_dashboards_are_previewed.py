"""The dashboards as the lab's stand-in shows them where there is no Grafana: their data, in a real browser."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, FrameLocator, Page, Request

from tests.e2e.conftest import BOSS, System
from voice_lab.services import grafana

pytestmark = [
    pytest.mark.services,
    pytest.mark.timeout(400),
    pytest.mark.skipif(grafana.is_real(), reason="Grafana is installed here, and draws the dashboards itself"),
]

BANNER = "Preview of this dashboard's data; Grafana is not installed here"
SCREENS = {"wide": {"width": 1300, "height": 900}, "narrow": {"width": 390, "height": 800}}


class Desk:
    """The page of somebody who is signed in, with what went wrong on it."""

    def __init__(self, system: System, page: Page) -> None:
        self.page, self.url = page, system.lab.portal_url
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("requestfailed", self._failed)
        page.on("console", self._noted)

    def _failed(self, request: Request) -> None:
        """One that the browser itself gave up, since it went to another page meanwhile, is none."""
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"{request.url}: {request.failure}")

    def _noted(self, message: ConsoleMessage) -> None:
        """A browser says here what the content policy forbade."""
        if "Content Security Policy" in message.text:
            self.faults.append(message.text)

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)

    def panels(self, uid: str) -> list[dict[str, Any]]:
        """The panels of the stored dashboard."""
        found = self.page.request.get(f"{self.url}/grafana/api/dashboards/uid/{uid}").json()
        panels: list[dict[str, Any]] = found["dashboard"]["panels"]
        return panels

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("iframe")


@pytest.fixture
def desk(system: System, signed_in: Page) -> Desk:
    """The desk of who is signed in."""
    signed_in.set_viewport_size(SCREENS["wide"])  # type: ignore[arg-type]
    return Desk(system, signed_in)


def assert_shown(desk: Desk, panels: list[dict[str, Any]], page: Page | FrameLocator) -> None:
    """Every panel stands there with its title and its data: each query was answered."""
    page.get_by_text(BANNER).wait_for()
    shown = page.locator("section.panel")
    assert shown.count() == len(panels)
    assert [each.strip() for each in shown.locator("h2").all_inner_texts()] == [panel["title"] for panel in panels]
    assert page.locator(".error").all_inner_texts() == []
    empty = shown.filter(has=page.locator("p.empty")).locator("h2").all_inner_texts()
    assert empty == [], "there are calls, so that every panel has something to show"
    assert desk.faults == []


def test_the_overview_is_shown_and_leads_to_a_probe(desk: Desk) -> None:
    desk.open("/grafana/d/voice-overview/-?kiosk&from=now-1h&to=now")
    assert_shown(desk, desk.panels("voice-overview"), desk.page)
    desk.page.locator("a[href*='/d/vp-']", has_text="Claims hotline").first.click()
    desk.page.wait_for_url("**/grafana/d/vp-**")


def test_a_probe_is_shown_in_its_page_of_the_portal_and_leads_to_its_calls(desk: Desk) -> None:
    desk.open("/c/acme/probes/claims-hotline/")
    source = desk.page.locator("iframe").get_attribute("src") or ""
    assert_shown(desk, desk.panels(source.split("/")[3]), desk.frame)
    with desk.page.expect_popup() as opened:
        desk.frame.locator("a[href*='/c/acme/probes/claims-hotline/calls/']").first.click()
    opened.value.get_by_role("heading", name="Call of").wait_for()


def test_the_portal_shows_all_probes_over_time(desk: Desk) -> None:
    desk.open("/c/acme/")
    desk.page.get_by_role("link", name="All probes over time").click()
    desk.frame.get_by_role("heading", name="Health over time").wait_for()
    desk.page.get_by_role("link", name="24h").click()
    desk.frame.get_by_role("heading", name="Worst ten calls").wait_for()
    assert "from=now-24h" in (desk.page.locator("iframe").get_attribute("src") or "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_nothing_is_cut_off(desk: Desk, screen: str, scheme: str) -> None:
    desk.page.set_viewport_size(SCREENS[screen])  # type: ignore[arg-type]
    desk.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    desk.open("/grafana/d/voice-overview/-?kiosk&theme=system&from=now-1h&to=now")
    desk.page.get_by_text(BANNER).wait_for()
    wide = "[...document.querySelectorAll('body, section.panel')].filter(e => e.scrollWidth > e.clientWidth + 1).length"
    assert desk.page.evaluate(wide) == 0
    dark = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).every(c => c < 100)"
    assert desk.page.evaluate(dark) == (scheme == "dark")
    assert desk.faults == []


@pytest.mark.usefixtures("boss")
@pytest.mark.parametrize("signed_in", [BOSS], indirect=True)
def test_the_fleet_is_shown_to_the_staff(desk: Desk) -> None:
    desk.open("/fleet/")
    assert_shown(desk, desk.panels("voice-fleet"), desk.frame)


def test_a_dashboard_of_another_client_is_not_shown(system: System, desk: Desk) -> None:
    desk.open("/c/acme/trends/")
    source = desk.page.locator("iframe").get_attribute("src") or ""
    org = int(parse_qs(urlsplit(source).query)["orgId"][0])
    own, other = (
        desk.page.request.get(f"{desk.url}/grafana/d/voice-overview/-?orgId={each}") for each in (org, org + 1)
    )
    assert (own.status, other.status) == (200, 403)
    assert ("section" in own.text(), "section" in other.text()) == (True, False)


def test_a_probes_dashboard_has_no_scroll_bar_of_its_own(desk: Desk) -> None:
    desk.open("/c/acme/probes/claims-hotline/?range=1h")
    desk.frame.get_by_text(BANNER).wait_for()
    edge = "(f => f.clientHeight - f.contentDocument.documentElement.scrollHeight)(document.querySelector('iframe'))"
    desk.page.wait_for_function(f"0 <= {edge} && {edge} < 40")
    assert desk.faults == []
