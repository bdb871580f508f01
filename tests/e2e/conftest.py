"""The whole system with the examples applied and their first calls made, shared by all end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import Browser

from tests.conftest import Services
from voice_lab import browser, demo, evidence
from voice_lab.context import Lab
from voice_lab.evidence import Expectation, Row


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
        calls, expectations, _ = demo.first_calls(lab)
    return System(lab, calls, expectations)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real browser, without a screen."""
    with browser.chromium() as program:
        yield program


@pytest.fixture
def acme(system: System) -> Iterator[httpx.Client]:
    """A browser in which a voice engineer of the client acme is signed in."""
    with closing(evidence.sign_in(system.lab, demo.login("acme"))) as browser:
        yield browser
