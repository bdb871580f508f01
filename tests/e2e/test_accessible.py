"""Everybody can use every page of the portal's own: by keyboard, enlarged, on a phone, in the dark, by ear."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests import axe
from tests.conftest import Services
from tests.e2e import portal_pages
from tests.e2e.portal_pages import ANONYMOUS, ENGINEER, NO_PAGES, PAGES, RARE, STAFF, VIEWER, Shown, Site

pytestmark = [pytest.mark.services, pytest.mark.database]

EVERY = [(shown, person) for pages in PAGES.values() for shown in pages for person in shown.people]
ONCE = [(shown, shown.people[-1]) for pages in PAGES.values() for shown in pages]
SCREENS = {"phone": (390, 844, 2), "desk": (1280, 900, 1), "desk at 200 %": (640, 450, 2)}
WAITING = [(template, context) for template, context in RARE if template == "503.html" or "progress" in context]
ROUND_MS = 31_000
IN_PAGES = Path(__file__).parent / "in_pages"
"""What is asked within a page, one function of JavaScript a file: each gives a list of faults."""


def named(pages: list[tuple[Shown, str]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("shown", "person"), pages, ids=[f"{shown} {person}" for shown, person in pages])


@pytest.fixture(scope="module")
def site(services: Services) -> Iterator[Site]:
    with portal_pages.site(services.up("portal")) as made:
        yield made


class Desk:
    """A browser's window for each person, which stays open from test to test."""

    def __init__(self, chromium: Browser, site: Site) -> None:
        self.chromium, self.site = chromium, site
        self.pages: dict[tuple[str, str], Page] = {}
        self.url = site.lab.portal_url

    def page(self, person: str, screen: str) -> Page:
        """That person's, light."""
        if (person, screen) not in self.pages:
            self.pages[person, screen] = self.context(person, screen).new_page()
        page = self.pages[person, screen]
        page.emulate_media(color_scheme="light")
        return page

    def context(self, person: str, screen: str = "desk") -> BrowserContext:
        width, height, scale = SCREENS[screen]
        context = self.chromium.new_context(viewport={"width": width, "height": height}, device_scale_factor=scale)
        cookies = self.site.cookies.get(person, {}).items()
        context.add_cookies([{"name": name, "value": value, "url": self.url} for name, value in cookies])
        # A dashboard is a page of Grafana's: what is asked here is asked of the page around it.
        context.route(
            "**/grafana/**", lambda route: route.fulfill(body="<title>Grafana</title>", content_type="text/html")
        )
        context.set_default_timeout(20_000)
        return context

    def open(self, shown: Shown, person: str, screen: str = "desk") -> Page:
        return opened(self.page(person, screen), self.site, shown)


def opened(page: Page, site: Site, shown: Shown) -> Page:
    path = site.path(shown)
    answer = page.goto(site.lab.portal_url + path)
    assert answer is not None
    assert (answer.status, page.url) == (shown.status, site.lab.portal_url + path)
    return page


def asked(page: Page, question: str) -> list[str]:
    """What the function in that file of IN_PAGES finds."""
    found: list[str] = page.evaluate((IN_PAGES / f"{question}.js").read_text())
    return found


@pytest.fixture(scope="module")
def desk(chromium: Browser, site: Site) -> Iterator[Desk]:
    made = Desk(chromium, site)
    yield made
    for page in made.pages.values():
        page.context.close()


def test_every_address_of_the_portal_is_here() -> None:
    assert sorted(portal_pages.addresses()) == sorted({*PAGES, *NO_PAGES} - {portal_pages.NOWHERE})


@named(EVERY)
def test_axe_finds_nothing_in_light_or_dark_and_a_screen_reader_is_led(desk: Desk, shown: Shown, person: str) -> None:
    page = desk.open(shown, person)
    assert_none([*in_both_schemes(page), *asked(page, "structure")])


def in_both_schemes(page: Page) -> list[str]:
    """What axe-core finds in the page as it is in the light, and in the dark."""
    faults = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        faults += [f"{scheme}: {each}" for each in axe.violations(page)]
    return faults


def assert_none(faults: list[str]) -> None:
    """Else all of them are told, each in lines of its own."""
    assert not faults, "\n\n".join(["", *faults])


BAD = """
<html><head><title>x</title></head><body><h3>Jump</h3><table><tr><td>1</td></tr></table>
<p style="color: #aaa; background: #fff">Pale</p>
<style>button { display: block; font-size: 6px; padding: 0; border: 0 }</style><button>a</button><button>b</button>
<p style="white-space: nowrap">A line that is far too long for the screen of any telephone that there is</p>
</body></html>
"""


def test_axe_and_the_other_questions_find_what_is_wrong(desk: Desk) -> None:
    page = desk.page(VIEWER, "phone")
    page.goto("about:blank")
    page.set_content(BAD)
    rules = {each.partition(" ")[0] for each in axe.violations(page)}
    assert rules >= {"color-contrast", "target-size", "html-has-lang", "landmark-one-main", "region"}
    assert {"there is not one h1", '"Jump" jumps to level 3'} <= set(asked(page, "structure"))
    assert any(each.startswith("the page is ") for each in asked(page, "layout"))


def test_each_page_has_a_title_of_its_own(desk: Desk) -> None:
    titles: dict[str, str] = {}
    for shown, person in ONCE:
        path = shown.path.partition("?")[0]
        title = desk.open(shown, person).title()
        assert titles.setdefault(title, path) == path, title


@pytest.mark.parametrize("screen", SCREENS)
@named(ONCE)
def test_nothing_is_cut_off_and_nobody_scrolls_sideways(desk: Desk, shown: Shown, person: str, screen: str) -> None:
    assert_none(asked(desk.open(shown, person, screen), "layout"))


@named(ONCE)
def test_the_keyboard_reaches_everything_in_the_order_of_the_page_and_one_sees_where_it_is(
    desk: Desk, shown: Shown, person: str
) -> None:
    page = desk.open(shown, person)
    stops = asked(page, "stops")
    reached = walked(page, stops)
    first = reached.index(min(reached))  # where a field has the focus from the start, that comes first
    assert [stops[each] for each in reached[first:] + reached[:first]] == stops


def walked(page: Page, stops: list[str]) -> list[int]:
    """The stops that the tabulator comes to, each once."""
    reached: list[int] = []
    here = (IN_PAGES / "here.js").read_text()
    for _ in range(4 * len(stops) + 20):
        page.keyboard.press("Tab")
        found = page.evaluate(here)
        if reached and found["stop"] == reached[0]:
            break
        if found["stop"] >= 0 and found["stop"] not in reached[-1:]:
            assert not found["faults"], f"{stops[found['stop']]}: {found['faults']}"
            reached.append(found["stop"])
    return reached


SKIP = ".skip[href='#main']"


@named(ONCE)
def test_the_keyboard_gets_past_what_stands_above_every_page(desk: Desk, shown: Shown, person: str) -> None:
    page = desk.open(shown, person)
    if page.locator(SKIP).count() == 0:
        assert page.locator("header").count() == 0, "nothing stands above"
        return
    page.locator(SKIP).focus()
    assert page.locator(SKIP).is_visible()
    assert page.evaluate((IN_PAGES / "here.js").read_text())["faults"] == []
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize(("template", "context"), RARE, ids=[template for template, _ in RARE])
def test_neither_does_a_page_that_comes_when_something_is_wrong_keep_anybody_out(
    desk: Desk, template: str, context: Mapping[str, object]
) -> None:
    for screen in SCREENS:
        page = desk.page(ANONYMOUS, screen)
        answering(page, 200, portal_pages.rendered(template, context))
        page.route("**/onward/", lambda route: route.fulfill(status=204))  # so that nobody is led away from it
        page.goto(f"{desk.url}/rare/")
        assert_none([*in_both_schemes(page), *asked(page, "structure"), *asked(page, "layout")])


def answering(page: Page, status: int, body: str) -> None:
    """Have the portal answer that at the address `/rare/`."""
    page.unroute("**/rare/")
    page.route("**/rare/", lambda route: route.fulfill(status=status, body=body, content_type="text/html"))


@pytest.mark.parametrize(("template", "context"), WAITING, ids=[template for template, _ in WAITING])
def test_a_page_that_waits_is_replaced_by_what_it_waits_for_and_by_nothing_before(
    desk: Desk, template: str, context: Mapping[str, object]
) -> None:
    """Whoever is reading it is not taken back to its top meanwhile (WCAG 2.2.1)."""
    with closing(desk.context(ANONYMOUS)) as browser:
        page = browser.new_page()
        page.clock.install()
        answering(page, 503, portal_pages.rendered(template, context))
        page.goto(f"{desk.url}/rare/")
        page.locator("a.button").focus()
        answering(page, 503, portal_pages.rendered(template, {**context, "progress": 97}))
        with page.expect_response("**/rare/"):
            page.clock.fast_forward(ROUND_MS)
        if "progress" in context:
            page.get_by_text("97 %").wait_for()
        assert page.evaluate("document.activeElement.matches('a.button')")
        answering(page, 200, "<h1>There it is</h1>")
        page.clock.fast_forward(ROUND_MS)
        page.get_by_role("heading", name="There it is").wait_for()


def test_each_template_of_a_whole_page_is_shown_here() -> None:
    """A page without an address of its own comes when something is wrong."""
    rare = {template for template, _ in RARE}
    shown = {str(template) for template in portal_pages.whole_pages()} - rare
    assert shown == portal_pages.OF_ADDRESSES


RENEWED = [
    (Shown(path), person)
    for path, person in (
        ("/c/", VIEWER),
        ("/c/{client}/", ENGINEER),
        ("/c/{client}/wall/", VIEWER),
        ("/c/{client}/probes/unhealthy/", ENGINEER),
        ("/c/{client}/probes/degraded/", VIEWER),
        ("/c/{bare}/probes/inbound/", ENGINEER),
        ("/hosts/", STAFF),
    )
]


@pytest.fixture
def watched(desk: Desk, shown: Shown, person: str) -> Iterator[Page]:
    """A page that renews itself, on a telephone; its clock can be put forward."""
    with closing(desk.context(person, "phone")) as context:
        page = context.new_page()
        page.clock.install()
        yield opened(page, desk.site, shown)


def renew(page: Page) -> None:
    """Let the page's own time come, and wait until what it renews is new."""
    page.evaluate("document.querySelectorAll('#live, #recent-calls, #charts').forEach(one => { one.dataset.old = '' })")
    page.clock.fast_forward(ROUND_MS)
    page.locator("#live:not([data-old])").wait_for(state="attached")
    assert page.locator("[data-old]").count() == 0, "all of it is of the same moment"


@named(RENEWED)
def test_who_reads_on_while_a_page_renews_itself_stays_where_they_are(watched: Page) -> None:
    stops = asked(watched, "stops")
    for number, stop in enumerate(stops):
        watched.evaluate("(at) => { here = document.querySelector(`[data-stop='${at}']`); here.focus(); }", number)
        watched.evaluate(
            "scrollTo(0, 120); document.querySelectorAll('.scroll').forEach(one => { one.scrollLeft = 30 })"
        )
        before = watched.evaluate(SCROLLED)
        renew(watched)
        now_at = "document.activeElement === here || here.id && document.activeElement.id === here.id"
        assert watched.evaluate(now_at), f"{stop}: the keyboard is elsewhere; an id would keep it"
        assert watched.evaluate(SCROLLED) == before, stop
        asked(watched, "stops")


SCROLLED = "[scrollY, ...[...document.querySelectorAll('.scroll')].map(one => one.scrollLeft)]"


@named(RENEWED)
def test_old_figures_say_so_within_one_round_and_no_longer_than_they_are_old(watched: Page) -> None:
    told = watched.get_by_text("These figures are old: the portal does not answer.")
    assert told.is_hidden()
    watched.route("**/*", lambda route: route.abort())
    watched.clock.fast_forward(ROUND_MS)
    told.wait_for()
    assert_none(in_both_schemes(watched))
    watched.unroute("**/*")
    renew(watched)
    told.wait_for(state="hidden")


@named(RENEWED)
def test_a_portal_that_fails_is_told_too(watched: Page) -> None:
    watched.route("**/*", lambda route: route.fulfill(status=503, body="<h1>The database does not answer</h1>"))
    watched.clock.fast_forward(ROUND_MS)
    watched.get_by_text("These figures are old").wait_for()
    assert watched.locator("#live").count() == 1


@named(RENEWED[1:2])
def test_whose_session_has_ended_is_asked_to_log_in(watched: Page) -> None:
    watched.context.clear_cookies()
    watched.clock.fast_forward(ROUND_MS)
    watched.get_by_role("heading", name="Log in").wait_for()


def test_nothing_moves_by_itself() -> None:
    """So nobody has to ask for less of it (prefers-reduced-motion)."""
    styles = [each.read_text() for each in portal_pages.STATIC.glob("*.css")]
    assert styles
    assert not [each for each in styles if "animation" in each or "transition" in each or "scroll-behavior" in each]
