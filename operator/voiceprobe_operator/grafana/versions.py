"""Which releases of Grafana get security fixes, and from which on they have all that are known. It only computes.

A line gets fixes for nine months, the last line of a major version for fifteen (Grafana Labs, "Upgrade strategies").
Patched is a release that no CVE record of Grafana Labs names, of those that were found on 29 November 2026. The one
that names the most is CVE-2026-76154 of 17 September 2026: 12.4.10, 13.0.8, 13.1.5, 13.2.1 and what was before them in
their lines. Ends of support: endoflife.date/grafana. Each release of the operator brings this table and the one in
docs/operator.md up to date.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple


class Line(NamedTuple):
    """A line of releases: the first without a known hole (its fourth part counts security releases); its last day."""

    patched: tuple[int, int, int, int]
    until: date


LINES = {
    (12, 4): Line((12, 4, 11, 0), date(2027, 5, 24)),
    (13, 0): Line((13, 0, 9, 0), date(2027, 1, 9)),
    (13, 1): Line((13, 1, 6, 0), date(2027, 3, 20)),
    (13, 2): Line((13, 2, 2, 0), date(2027, 5, 18)),
}
# A suffix after a hyphen is a build that is no release, such as 13.0.0-preview.
_RELEASE = re.compile(r"v?(\d{1,4})\.(\d{1,4})\.(\d{1,9})(?:\+(?:security-(\d{1,4})|[0-9A-Za-z.]+))?")


@dataclass(frozen=True, slots=True)
class Support:
    """Whether a Grafana gets security fixes and has them (None: nobody knows), a word for why, and what to do."""

    ok: bool | None
    reason: str
    message: str


def judged(release: str, today: date) -> Support:
    """What is known of the `version` that Grafana tells."""
    if not release:
        return Support(None, "VersionHidden", "Grafana does not tell its version: nothing is known of its holes")
    if (match := _RELEASE.fullmatch(release)) is None:
        text = f"Grafana {release[:40]!a} is not a release of Grafana: nothing is known of its holes"
        return Support(None, "NotARelease", text)
    version = tuple(int(part or 0) for part in match.groups())
    newest_of_its_kind = max((line for line in LINES if line[0] == version[0]), default=max(LINES))
    if version[:2] > newest_of_its_kind:
        text = f"Grafana {release} is newer than this operator: nothing is known of its holes"
        return Support(None, "NewerThanKnown", text)
    line = LINES.get((version[0], version[1]))
    if line is None or today > line.until:
        return Support(False, "EndOfLife", f"Grafana {release} gets no security fixes any more: {_newest(today)}")
    if version < line.patched:
        name = ".".join(map(str, version[:2]))
        text = f"upgrade to {_text(line)} or a later release of {name}, or to a newer line"
        return Support(False, "KnownHoles", f"Grafana {release} has known holes: {text}")
    return Support(True, "Supported", f"Grafana {release} gets security fixes and has those that are known")


def _newest(today: date) -> str:
    if not (left := [name for name, line in LINES.items() if today <= line.until]):
        return "upgrade to a line that is supported"
    newest = max(left)
    return f"upgrade to {_text(LINES[newest])} or a later release of {'.'.join(map(str, newest))}"


def _text(line: Line) -> str:
    *release, security = line.patched
    return ".".join(map(str, release)) + (f"+security-{security:02}" if security else "")
