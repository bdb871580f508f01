"""A real browser, for what only a browser can tell: whether a page is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from voice_lab import guard, packages
from voice_lab.context import Lab
from voice_lab.services import portal

_PROGRAM = "/usr/bin/chromium"
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextmanager
def chromium(*, remembers: bool = False) -> Iterator[Browser]:
    """Run Chromium without a screen, installing it if need be.

    One that `remembers` pages shows them again by "back" as people's browsers do: without asking anybody, where it may.

    Raises:
        LabError: it can be neither found nor installed.
    """
    with guard.one_after_another("install"):
        packages.install(["chromium"])
    with sync_playwright() as playwright:
        left_out = ["--disable-back-forward-cache"] if remembers else None
        browser = playwright.chromium.launch(executable_path=_PROGRAM, args=_FLAGS, ignore_default_args=left_out)
        try:
            yield browser
        finally:
            browser.close()


def sign_in(lab: Lab, page: Page, login: str) -> None:
    """Open the portal's first page as somebody whom `portal.add_user` made."""
    cookie = {"name": portal.COOKIE, "value": portal.session(lab, login), "url": lab.portal_url}
    page.context.add_cookies([cookie])  # type: ignore[list-item] # a TypedDict that Playwright does not export
    page.goto(lab.portal_url)
