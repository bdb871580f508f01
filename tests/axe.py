"""What axe-core finds that keeps people from using a page (WCAG 2.0 to 2.2, A and AA, and its own best practice)."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# By itself axe-core leaves rules of WCAG 2.2 out, whatever the tags.
_ALSO = {"target-size": {"enabled": True}}

# Frames show Grafana's pages, which are not ours; that a frame has a title is a rule for the page around it.
_OPTIONS = {"runOnly": RULES, "rules": _ALSO, "resultTypes": ["violations"], "iframes": False}


def violations(page: Page) -> list[str]:
    """One readable text for each rule that the page breaks: the rule, each element that breaks it, and how.

    The page's own policy forbids scripts that are not its own; what the browser's debugger runs is exempt.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found: dict[str, Any] = page.evaluate("options => axe.run(options)", _OPTIONS)
    return [_told(one) for one in found["violations"]]


def _told(violation: dict[str, Any]) -> str:
    elements = [f"  {node['target'][-1]}: {' '.join(node['failureSummary'].split())}" for node in violation["nodes"]]
    return "\n".join([f"{violation['id']} ({violation['impact']}): {violation['help']}", *elements])
