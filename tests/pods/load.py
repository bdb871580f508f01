"""People who use the portal all the time: signed in, on connections that are kept and on fresh ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import cycle

import httpx

from voice_lab import evidence
from voice_lab.context import Lab

PAUSE_SECONDS = 0.1
TIMEOUT = httpx.Timeout(20)
QUERY = {
    "queries": [{"refId": "A", "datasource": {"uid": "voice-client"}, "rawSql": "SELECT 1 AS one", "format": "table"}],
    "from": "now-1h",
    "to": "now",
}
KEPT, FRESH = 3, 2
"""How many people of each kind there are."""


@dataclass(frozen=True)
class Request:
    """One request: when it was begun and over (seconds of the monotonic clock), and what was wrong with its answer."""

    began: float
    ended: float
    what: str
    fault: str


@dataclass
class Load:
    """What came of all requests so far."""

    requests: list[Request] = field(default_factory=list)

    def lost(self) -> list[Request]:
        """Requests that were not answered as they should be."""
        return [each for each in self.requests if each.fault]

    def answered_since(self, moment: float) -> int:
        """How many requests that were begun since then were answered as they should be."""
        return sum(not each.fault and each.began >= moment for each in self.requests)


@contextmanager
def under_load(lab: Lab, login: str) -> Iterator[Load]:
    """Let people use the portal until the block ends; each asks for pages and, through the proxy, Grafana."""
    load, ended = Load(), threading.Event()
    with closing(evidence.sign_in(lab, login)) as browser:
        cookies, home = httpx.Cookies(browser.cookies), browser.get("/").raise_for_status().url.path
    people = [
        threading.Thread(target=_use, args=(lab, cookies, home, load, ended, kept), daemon=True)
        for kept in (True,) * KEPT + (False,) * FRESH
    ]
    for person in people:
        person.start()
    try:
        yield load
    finally:
        ended.set()
        for person in people:
            person.join()


def _use(lab: Lab, cookies: httpx.Cookies, home: str, load: Load, ended: threading.Event, kept: bool) -> None:
    """Ask for one thing after the other; on a connection for each, or on one that is kept."""
    headers = {} if kept else {"Connection": "close"}
    with httpx.Client(base_url=lab.portal_url, timeout=TIMEOUT, cookies=cookies, headers=headers) as browser:
        for what in cycle((home, f"{home}trends/", "/grafana/api/ds/query", "/healthz/database")):
            if ended.wait(PAUSE_SECONDS):
                return
            began = time.monotonic()
            fault = _fault(browser, what)
            load.requests.append(Request(began, time.monotonic(), what, fault))


def _fault(browser: httpx.Client, what: str) -> str:
    """What is wrong with the answer to a request; empty: nothing. Whoever has to sign in again has lost something."""
    try:
        answer = browser.post(what, json=QUERY) if "/grafana/" in what else browser.get(what)
    except httpx.HTTPError as error:
        return repr(error)
    return "" if answer.status_code == httpx.codes.OK else f"{answer.status_code} {answer.text[:80]!r}"
