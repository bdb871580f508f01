"""The dashboards of a client: one overview, and one for each probe. Nothing here does I/O."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from voiceprobe_operator import names, queries
from voiceprobe_operator.model import Client, Probe
from voiceprobe_operator.panels import Bands, Json, Panel, Place, banded, health_mappings

REVISION_PREFIX = "revision-"
_NO_CALL_YET = "No call yet"


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard as it should be. Two with the same revision are the same."""

    uid: str
    title: str
    content: Json
    revision: str

    def model(self) -> Json:
        """What Grafana is given. The revision is a tag, since tags are what a search lists of every dashboard."""
        return {**self.content, "tags": [*self.content["tags"], REVISION_PREFIX + self.revision]}


def overview(client: Client) -> Dashboard:
    """All probes of the client at a glance. It asks the database for them, so a new probe does not change it."""
    return _dashboard(names.OVERVIEW_UID, "All probes", client, ["voice", "voice-overview"], _overview_panels())


def probe_dashboard(client: Client, probe: Probe) -> Dashboard:
    """All that is measured of one probe."""
    return _dashboard(
        names.dashboard(probe.ref.uid), probe_title(probe), client, ["voice", "voice-probe"], _probe_panels(probe)
    )


def probe_title(probe: Probe) -> str:
    """Title that no other dashboard of the client can have: Grafana would overwrite one by the other."""
    if probe.display_name == probe.ref.name:
        return f"Probe {probe.ref.name}"
    return f"{probe.display_name} ({probe.ref.name})"


def _dashboard(uid: str, title: str, client: Client, tags: list[str], panels: Sequence[Panel]) -> Dashboard:
    content: Json = {
        "uid": uid,
        "title": title,
        "tags": tags,
        "timezone": "utc" if client.time_zone == "UTC" else client.time_zone,
        "editable": False,
        "graphTooltip": 1,
        "schemaVersion": 38,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "links": _links(),
        "panels": [panel.model(number) for number, panel in enumerate(panels, start=1)],
    }
    return Dashboard(uid, title, content, revision(content))


def revision(content: Json) -> str:
    """Short fingerprint of what a dashboard holds; the same for the same JSON in any order of keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _links() -> list[Json]:
    link: Json = {
        "type": "dashboards",
        "asDropdown": True,
        "includeVars": False,
        "keepTime": True,
        "targetBlank": False,
    }
    return [
        {**link, "title": "Overview", "tags": ["voice-overview"], "asDropdown": False},
        {**link, "title": "Probes", "tags": ["voice-probe"]},
    ]


def _overview_panels() -> list[Panel]:
    return [
        Panel(
            kind="stat",
            title="Probes by health",
            description="How many probes are healthy, degraded, unhealthy, without data or suspended now.",
            sql=queries.health_counts(),
            place=Place(0, 0, 24, 4),
            no_data="No probes yet",
            columns={word: _colour(mapping["color"]) for word, mapping in health_mappings()[0]["options"].items()},
        ),
        Panel(
            kind="table",
            title="Probes",
            description="Every probe as it stands now, the worst first. Values are those of its last valid call.",
            sql=queries.all_states(),
            place=Place(0, 4, 24, 10),
            no_data="No probes yet",
            columns=_state_columns(),
        ),
        Panel(
            kind="timeseries",
            title="MOS",
            description="Mean opinion score of each probe's worse direction, the mean of the calls in each interval.",
            sql=queries.all_mos(),
            place=Place(0, 14, 24, 12),
            minimum=1,
            maximum=5,
        ),
    ]


def _colour(colour: str) -> Json:
    return {"color": {"mode": "fixed", "fixedColor": colour}, "decimals": 0}


def _state_columns() -> dict[str, Json]:
    return {
        "Health": {"mappings": health_mappings(), "custom.cellOptions": {"type": "color-background"}},
        "MOS": {"decimals": 2},
        "MOS to receiver": {"decimals": 2},
        "MOS to dialer": {"decimals": 2},
        "Loss": {"unit": "percent", "decimals": 2},
        "Jitter": {"unit": "ms", "decimals": 1},
        "Post-dial delay": {"unit": "ms"},
        "Last call": {"unit": "dateTimeFromNow"},
    }


def _probe_panels(probe: Probe) -> list[Panel]:
    return [*_state_panels(probe), *_series_panels(probe), _outcomes_panel(probe), _calls_panel(probe)]


def _bands(probe: Probe) -> dict[str, Bands]:
    return {
        "mos": Bands(probe.mos, higher_is_better=True),
        "loss": Bands(probe.loss_pct),
        "jitter": Bands(probe.jitter_ms),
        "pdd": Bands(probe.pdd_ms),
    }


def _state_panels(probe: Probe) -> list[Panel]:
    name, bands = probe.ref.name, _bands(probe)
    stats: list[tuple[str, str, str, str, Bands | None]] = [
        ("MOS now", "Mean opinion score of the last valid call, the worse direction.", "mos", "none", bands["mos"]),
        ("Loss now", "Packets lost in the last valid call, the worse direction.", "loss_pct", "percent", bands["loss"]),
        ("Jitter now", "Jitter of the last valid call, the worse direction.", "jitter_ms", "ms", bands["jitter"]),
        ("Post-dial delay now", "INVITE to first ringing in the last valid call.", "pdd_ms", "ms", bands["pdd"]),
    ]
    health = Panel(
        kind="stat",
        title="Health",
        description="What the last valid call says about the path.",
        sql=queries.state(name, "health"),
        place=Place(0, 0, 4, 4),
        no_data=_NO_CALL_YET,
        text=True,
    )
    answered = Panel(
        kind="stat",
        title="Answered",
        description="Share of the calls of this time range that were answered and brought the speech both ways.",
        sql=queries.answered(name),
        place=Place(20, 0, 4, 4),
        unit="percent",
    )
    now = [
        Panel("stat", title, says, queries.state(name, column), Place(4 * i, 0, 4, 4), unit, band, _NO_CALL_YET)
        for i, (title, says, column, unit, band) in enumerate(stats, start=1)
    ]
    return [health, *now, answered]


def _series_panels(probe: Probe) -> list[Panel]:
    name, bands = probe.ref.name, _bands(probe)
    mean = "the mean of the calls in each interval"
    return [
        Panel(
            kind="timeseries",
            title="MOS",
            description=f"Mean opinion score (ITU-T G.107, conversational) of each direction, {mean}.",
            sql=queries.stream_series(name, "mos_cq"),
            place=Place(0, 4, 24, 9),
            bands=bands["mos"],
            minimum=1,
            maximum=5,
        ),
        Panel(
            kind="timeseries",
            title="Packet loss",
            description=f"Share of the packets of each direction that never arrived, {mean}.",
            sql=queries.stream_series(name, "loss_pct"),
            place=Place(0, 13, 12, 8),
            unit="percent",
            bands=bands["loss"],
        ),
        Panel(
            kind="timeseries",
            title="Jitter",
            description=f"Interarrival jitter (RFC 3550) of each direction, {mean}.",
            sql=queries.stream_series(name, "jitter_ms"),
            place=Place(12, 13, 12, 8),
            unit="ms",
            bands=bands["jitter"],
        ),
        Panel(
            kind="timeseries",
            title="Round trip",
            description=f"Time of the media to the other party and back (RTCP), {mean}.",
            sql=queries.stream_series(name, "rtt_ms"),
            place=Place(0, 21, 12, 8),
            unit="ms",
        ),
        Panel(
            kind="timeseries",
            title="Post-dial delay",
            description=f"Time from INVITE to the first ringing, {mean}.",
            sql=queries.post_dial_delay(name),
            place=Place(12, 21, 12, 8),
            unit="ms",
            bands=bands["pdd"],
        ),
    ]


def _outcomes_panel(probe: Probe) -> Panel:
    return Panel(
        kind="timeseries",
        title="Outcomes",
        description="Number of calls by outcome and final SIP code.",
        sql=queries.outcomes(probe.ref.name),
        place=Place(0, 29, 24, 7),
        unit="short",
        stacked=True,
    )


def _calls_panel(probe: Probe) -> Panel:
    bands = _bands(probe)
    columns: dict[str, Json] = {"Started": {"unit": "dateTimeAsIso"}, "Duration": {"unit": "ms"}}
    columns |= {"Round trip": {"unit": "ms", "decimals": 1}, "Post-dial delay": banded("ms", bands["pdd"], 0)}
    for end in ("receiver", "dialer"):
        columns[f"MOS to {end}"] = banded("none", bands["mos"])
        columns[f"Loss to {end}"] = banded("percent", bands["loss"])
        columns[f"Jitter to {end}"] = banded("ms", bands["jitter"], 1)
        columns[f"Delay variation to {end}"] = {"unit": "ms", "decimals": 1}
    return Panel(
        kind="table",
        title="Calls",
        description="The latest 200 calls of this range. One that is not valid was spoilt by the measuring host.",
        sql=queries.calls(probe.ref.name),
        place=Place(0, 36, 24, 12),
        columns=columns,
    )
