"""What should exist for a client, worked out when it is asked for and remembered until what it depends on changes.

A client may have a thousand probes of which one changed: only that one's row and dashboard are worked out anew, and
a dashboard's content is built when it is written, and let go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from voiceprobe_operator import names
from voiceprobe_operator.dashboards import OVERVIEW_TITLE, Dashboard, overview_dashboard, probe_dashboard, probe_title
from voiceprobe_operator.desired import Row, fingerprint, plan_row
from voiceprobe_operator.model import Client, Probe
from voiceprobe_operator.numbers import NumberRights

Version = tuple[str, int, NumberRights]


@dataclass(slots=True)
class _Remembered:
    row: bytes
    revision: str | None = None


@dataclass(slots=True)
class Wanted:
    """All that should exist for `client` in plan and dashboards."""

    client: Client
    portal_url: str
    probes: dict[str, Probe] = field(default_factory=dict)
    _by_dashboard: dict[str, str] = field(default_factory=dict)
    _remembered: dict[Version, _Remembered] = field(default_factory=dict)
    _overview: str | None = None

    def renewed(self, client: Client, probes: Sequence[Probe]) -> Wanted:
        """The same for other declarations; what still holds is remembered."""
        same = client == self.client
        fresh = Wanted(client, self.portal_url, _overview=self._overview if same else None)
        for probe in probes:
            version = _version(probe)
            fresh.probes[probe.ref.name] = probe
            fresh._by_dashboard[names.dashboard(probe.ref.uid)] = probe.ref.name
            known = self._remembered.get(version)
            if known is None:
                known = _Remembered(fingerprint(plan_row(probe)))
            fresh._remembered[version] = known if same else _Remembered(known.row)
        return fresh

    @property
    def plan(self) -> dict[str, bytes]:
        """The fingerprint of each probe's row. A probe whose receiver has somebody else's number has none."""
        return {
            name: self._remembered[_version(probe)].row
            for name, probe in self.probes.items()
            if probe.rights.taken is None
        }

    def row(self, name: str) -> Row:
        """A probe's row."""
        return plan_row(self.probes[name])

    @property
    def dashboards(self) -> list[str]:
        """The uids of all dashboards; the overview first, as all others link to it."""
        return [names.OVERVIEW_UID, *self._by_dashboard]

    def probe_of(self, uid: str) -> Probe | None:
        """The probe whose dashboard that is."""
        name = self._by_dashboard.get(uid)
        return None if name is None else self.probes[name]

    def dashboard(self, uid: str) -> Dashboard:
        """A dashboard with its content."""
        probe = self.probe_of(uid)
        if probe is None:
            board = overview_dashboard(self.client, self.portal_url)
            self._overview = board.revision
        else:
            board = probe_dashboard(self.client, probe, self.portal_url)
            self._remembered[_version(probe)].revision = board.revision
        return board

    def title(self, uid: str) -> str:
        """A dashboard's title alone."""
        probe = self.probe_of(uid)
        return OVERVIEW_TITLE if probe is None else probe_title(probe)

    def revision(self, uid: str) -> str:
        """A dashboard's revision alone."""
        probe = self.probe_of(uid)
        known = self._overview if probe is None else self._remembered[_version(probe)].revision
        return known if known is not None else self.dashboard(uid).revision


def _version(probe: Probe) -> Version:
    return (probe.ref.uid, probe.ref.generation, probe.rights)
