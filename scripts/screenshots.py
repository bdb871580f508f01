"""Take the screenshots of docs/images from a lab that makes real calls."""

from __future__ import annotations

from contextlib import closing

from playwright.sync_api import Browser, sync_playwright

from voice_lab import demo, evidence, places, progress, stack, waiting
from voice_lab.context import Lab
from voice_lab.services import registry

CLIENT = "acme"
CALLS = 60  # enough for lines instead of dots
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
TARGET = places.CHECKOUT / "docs" / "images"
PAGES = {"overview": "/", "probe": "/probes/claims-hotline/"}
CALL_OF = "/probes/secure/"
"""The probe whose newest call is photographed, and its ladder."""


def main() -> None:
    """Start a lab, wait for enough calls, photograph each page."""
    stack.install(registry(), extra_packages=("chromium",))
    with stack.running("screenshots") as lab:
        demo.first_calls(lab)
        _more_calls(lab)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            _photograph(lab, browser)
            browser.close()


def _more_calls(lab: Lab) -> None:
    with (
        progress.step("calls", f"waiting for {CALLS} of {CLIENT}"),
        closing(evidence.sign_in(lab, demo.login(CLIENT))) as browser,
    ):
        waiting.until(lambda: len(evidence.calls(browser)) >= CALLS, what=f"{CALLS} calls", seconds=900)


def _photograph(lab: Lab, browser: Browser) -> None:
    with closing(browser.new_context(color_scheme="light", viewport={"width": 1200, "height": 1060})) as context:
        page = context.new_page()
        page.goto(f"{lab.portal_url}/login/")
        page.get_by_label("User name").fill(demo.login(CLIENT))
        page.get_by_label("Password").fill(lab.passwords["demo"])
        page.get_by_role("button", name="Log in").click()
        for name, path in PAGES.items():
            page.goto(f"{lab.portal_url}{path}")
            page.screenshot(path=TARGET / f"{name}.png")
        page.goto(f"{lab.portal_url}{CALL_OF}")
        page.get_by_role("region", name="Recent calls").get_by_role("link").first.click()
        page.screenshot(path=TARGET / "call.png")
        page.locator(".ladder").screenshot(path=TARGET / "ladder.png")


if __name__ == "__main__":
    main()
