"""The portal's script around a dashboard's frame, in a real browser. The pages in it are as Grafana lays them out."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route

from voice_lab import browser

pytestmark = pytest.mark.services

STATIC = Path(__file__).parents[3] / "portal/voice_portal/probes/static/voice_portal"
ORIGIN = "http://portal.example"
SOURCE = "/grafana/d/vp-1/-?orgId=7&from=now-6h&to=now-1s"
OUTER = f"""<!doctype html>
<link rel="stylesheet" href="/static/portal.css"><link rel="stylesheet" href="/static/periods.css">
<script src="/static/live.js" defer></script><main><p id="zoomed" hidden>Zoomed. <a href="?">Show</a></p>
<iframe class="dashboard one-probe" src="{SOURCE}"></iframe></main>"""
# As in Grafana: the page is as tall as the frame, and what scrolls in it is a box of its own.
GRAFANA = """<!doctype html>
<style>html, body, .scroller {{ height: 100%; margin: 0 }} .scroller {{ overflow: auto }}</style>
<div class="scroller"><div style="padding: 10px">
<div class="react-grid-layout" style="height: {height}px"><div>Panel</div></div></div></div>"""
LOADING = "<!doctype html><style>html, body { height: 100%; margin: 0 }</style><div>Loading</div>"
PREVIEW = "<!doctype html><body style='margin: 0'><div style='height: 1700px'>Preview</div>"


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    """Return a browser, for all tests here."""
    with browser.chromium() as program:
        yield program


@pytest.fixture
def opened(chromium) -> Iterator[Callable[[str], Page]]:
    """Return a function that opens the portal's page around a frame with that text in it."""
    page = chromium.new_page(viewport={"width": 1280, "height": 800})

    def opened(inner: str) -> Page:
        def answer(route: Route) -> None:
            path = route.request.url.removeprefix(ORIGIN).split("?")[0]
            if path.startswith("/static/"):
                route.fulfill(path=STATIC / path.rsplit("/", 1)[1])
            else:
                route.fulfill(content_type="text/html", body=inner if path.startswith("/grafana/") else OUTER)

        page.route(f"{ORIGIN}/**", answer)
        page.goto(f"{ORIGIN}/c/acme/probes/inbound/")
        return page

    yield opened
    page.close()


def height(page: Page) -> int:
    return page.evaluate("document.querySelector('iframe').clientHeight")


def wait_for(page: Page, expression: str) -> None:
    page.wait_for_function(expression, timeout=10_000)


def inside(page: Page, script: str) -> None:
    page.frames[1].evaluate(script)


def test_it_is_as_tall_as_its_dashboard_and_has_no_scroll_bar(opened) -> None:
    page = opened(GRAFANA.format(height=3000))
    wait_for(page, "document.querySelector('iframe').clientHeight > 3000")
    scroller = page.frames[1].locator(".scroller")
    assert scroller.evaluate("box => box.scrollHeight <= box.clientHeight")
    assert height(page) < 3050


def test_it_follows_a_dashboard_that_changes_also_when_somebody_has_scrolled_in_it(opened) -> None:
    page = opened(GRAFANA.format(height=3000))
    wait_for(page, "document.querySelector('iframe').clientHeight > 3000")
    grid = "document.querySelector('.react-grid-layout').style.height"
    inside(page, f"{grid} = '5000px'; document.querySelector('.scroller').scrollTop = 700")
    wait_for(page, "document.querySelector('iframe').clientHeight > 5000")
    inside(page, f"{grid} = '900px'")
    wait_for(page, "document.querySelector('iframe').clientHeight < 950")


def test_a_page_without_a_grid_is_shown_whole(opened) -> None:
    page = opened(PREVIEW)
    wait_for(page, "document.querySelector('iframe').clientHeight === 1700")


def test_a_page_that_fills_its_frame_does_not_make_it_grow(opened) -> None:
    page = opened(LOADING)
    first = height(page)
    assert first > 2000, "as tall as the operator makes a probe's dashboard"
    page.evaluate("for (let round = 0; round < 20; round += 1) watch()")
    assert height(page) == first


def test_where_somebody_zooms_in_the_page_offers_to_show_that_time_too(opened) -> None:
    page = opened(GRAFANA.format(height=900))
    remark = page.locator("#zoomed")
    page.evaluate("watch()")
    assert not remark.is_visible()
    inside(page, "history.pushState({}, '', '?orgId=7&from=1796040000000&to=1796043600000')")
    remark.wait_for()
    address = remark.locator("a").evaluate("link => link.href")
    assert address == (
        f"{ORIGIN}/c/acme/probes/inbound/?from=2026-11-30T12%3A00%3A00.000Z&to=2026-11-30T13%3A00%3A00.000Z"
    )
    inside(page, "history.back()")
    remark.wait_for(state="hidden")
