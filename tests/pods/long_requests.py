"""People whose question takes long: it is under way when the pod that it goes through is about to end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx

from voice_lab import evidence
from voice_lab.context import Lab
from voice_lab.errors import LabError

SECONDS = 20
"""More than a pod that is about to end still takes requests, and less than the 30 s that a viewer's query may take."""
PEOPLE = 2


@contextmanager
def asking_long_questions(lab: Lab, login: str) -> Iterator[list[str]]:
    """Have people ask Grafana for one such query after the other until the block ends, by the portal.

    Gives what was wrong with each answer so far; empty: nothing. Leaving the block waits for the last answers.
    """
    faults: list[str] = []
    ended = threading.Event()
    people = [threading.Thread(target=_ask, args=(lab, login, faults, ended), daemon=True) for _ in range(PEOPLE)]
    for person in people:
        person.start()
    try:
        yield faults
    finally:
        ended.set()
        for person in people:
            person.join()


def _ask(lab: Lab, login: str, faults: list[str], ended: threading.Event) -> None:
    with closing(evidence.sign_in(lab, login)) as browser:
        browser.timeout = httpx.Timeout(3 * SECONDS)
        while not ended.is_set():
            try:
                slept = evidence.query(browser, f"SELECT SLEEP({SECONDS}) AS interrupted")
                faults.append("" if slept == [{"interrupted": 0}] else str(slept))
            except (httpx.HTTPError, LabError) as error:
                faults.append(repr(error))
