"""Take the screenshots of docs/images from a lab that makes real calls.

Those of Grafana's dashboards need Grafana; without it they stay as they are, and the stand-in's preview is taken.
"""

from __future__ import annotations

from contextlib import closing

from playwright.sync_api import Browser, Page

from voice_lab import browser, demo, evidence, places, progress, stack, waiting
from voice_lab.context import Lab
from voice_lab.services import grafana, registry

CLIENT = "acme"
CALLS = 60  # enough for lines instead of dots
DRAWN = ".uplot canvas" if grafana.is_real() else "section.panel svg.chart"
"""What a dashboard has once it is drawn."""
TARGET = places.CHECKOUT / "docs" / "images"
HOME = f"/c/{CLIENT}/"
PAGES = {"overview": HOME, "probe": f"{HOME}probes/claims-hotline/?range=1h", "trends": f"{HOME}trends/?range=1h"}
CALL_OF = f"{HOME}probes/secure/"
"""The probe whose newest call is photographed, and its ladder."""


def main() -> None:
    """Start a lab, wait for enough calls, photograph each page."""
    stack.install(registry())
    with stack.running("screenshots") as lab:
        demo.first_calls(lab, evidence.engineer)
        _more_calls(lab)
        with browser.chromium() as program:
            _photograph(lab, program)


def _more_calls(lab: Lab) -> None:
    with (
        progress.step("calls", f"waiting for {CALLS} of {CLIENT}"),
        closing(evidence.engineer(lab, CLIENT)) as desk,
    ):
        waiting.until(lambda: len(evidence.calls(desk)) >= CALLS, what=f"{CALLS} calls", seconds=900)


def _photograph(lab: Lab, program: Browser) -> None:
    with closing(program.new_context(color_scheme="light", viewport={"width": 1200, "height": 1060})) as context:
        page = context.new_page()
        browser.sign_in(lab, page, f"engineer-of-{CLIENT}")
        dashboards = {name: _photograph_page(lab, page, name) for name in PAGES}
        page.goto(f"{lab.portal_url}{CALL_OF}")
        _wait_for_grafana(page)
        page.get_by_role("region", name="Recent calls").get_by_role("link").first.click()
        page.screenshot(path=TARGET / "call.png")
        page.locator(".ladder").screenshot(path=TARGET / "ladder.png")
        if grafana.is_real():
            _photograph_dashboard(lab, page, "dashboard-overview", dashboards["trends"], 2100)
            _photograph_dashboard(lab, page, "dashboard-probe", dashboards["probe"], 2330)
        else:
            _photograph_dashboard(lab, page, "preview", dashboards["probe"], 1500)


def _photograph_page(lab: Lab, page: Page, name: str) -> str | None:
    """Photograph a page of the portal; the address of the dashboard in it, if there is one."""
    page.goto(f"{lab.portal_url}{PAGES[name]}")
    _wait_for_grafana(page)
    page.screenshot(path=TARGET / f"{name}.png")
    frame = page.locator("iframe")
    return frame.get_attribute("src") if frame.count() else None


def _wait_for_grafana(page: Page) -> None:
    """Wait until it has drawn: left too early, it would tell on its next page what it could not fetch."""
    if page.locator("iframe").count():
        page.frame_locator("iframe").locator(DRAWN).first.wait_for()
    page.wait_for_load_state("networkidle")


def _photograph_dashboard(lab: Lab, page: Page, name: str, source: str | None, height: int) -> None:
    """Photograph a dashboard from top to bottom: Grafana draws what can be seen only."""
    page.set_viewport_size({"width": 1300, "height": height})
    page.goto(f"{lab.portal_url}{source}".replace("now-1h", "now-10m"))
    page.locator(DRAWN).first.wait_for()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=TARGET / f"{name}.png")


if __name__ == "__main__":
    main()
