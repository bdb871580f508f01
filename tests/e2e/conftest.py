"""The whole system with the examples applied and their first calls made, shared by all end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.conftest import Services
from voice_lab import browser, demo, evidence
from voice_lab.context import Lab
from voice_lab.evidence import Expectation, Row
from voice_lab.services import portal

BOSS = "boss-of-all"
ENGINEER = "engineer-of-acme"
"""The login of acme's voice engineer, whom the reading back of the first calls has made."""


@dataclass(frozen=True)
class System:
    """The running system, and the calls of the examples as their clients see them in Grafana."""

    lab: Lab
    calls: list[Row]
    expectations: list[Expectation]


@pytest.fixture(scope="session")
def system(whole: Services) -> System:
    """Everything is up, and every example has made its calls."""
    lab = whole.up("network", "sip_host", "operator", "portal")
    with whole.lock:
        calls, expectations, _ = demo.first_calls(lab, evidence.engineer)
    return System(lab, calls, expectations)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real browser, without a screen."""
    with browser.chromium() as program:
        yield program


@pytest.fixture(scope="module")
def boss(system: System) -> None:
    """A member of the staff, who may see all clients."""
    portal.add_user(system.lab, BOSS, staff=True)


@pytest.fixture
def signed_in(system: System, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of the browser for who is named by a parameter; for acme's engineer, if nobody is."""
    with closing(chromium.new_context()) as context:  # type: ignore[type-var]
        page = context.new_page()
        browser.sign_in(system.lab, page, getattr(request, "param", ENGINEER))
        yield page


@pytest.fixture
def acme(system: System) -> Iterator[httpx.Client]:
    """A browser in which a voice engineer of the client acme is signed in."""
    with closing(evidence.sign_in(system.lab, ENGINEER)) as browser:
        yield browser
