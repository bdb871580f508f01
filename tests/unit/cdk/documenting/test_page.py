"""docs/aws.md: whatever it links to is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
PAGE = ROOT / "docs" / "aws.md"
LINKS = re.findall(r"\]\(([^)\s]+)\)", PAGE.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """Of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("link", sorted({link for link in LINKS if not link.startswith("https:")}))
def test_a_link_leads_somewhere(link: str):
    file, _, anchor = link.partition("#")
    target = (PAGE.parent / file).resolve() if file else PAGE
    assert target.exists()
    assert not anchor or anchor in anchors(target)


def test_alarms_lead_to_a_heading_of_the_page():
    """Their descriptions name it (`RUNBOOK` in the stacks)."""
    (runbook,) = re.findall(r'^RUNBOOK = "(.+)"', (ROOT / "cdk/voice_cdk/stacks/alarms.py").read_text(), re.MULTILINE)
    file, _, anchor = runbook.partition("#")
    assert ROOT / file == PAGE
    assert anchor in anchors(PAGE)
