"""The dashboard of one probe."""

from __future__ import annotations

from voiceprobe_operator import names
from voiceprobe_operator.dashboards import queries
from voiceprobe_operator.dashboards.dashboard import Dashboard, dashboard
from voiceprobe_operator.dashboards.panels import Bands, Json, Panel, Place, banded
from voiceprobe_operator.model import Client, Probe

_NO_CALL_YET = "No call yet"


def probe_dashboard(client: Client, probe: Probe) -> Dashboard:
    """All that is measured of one probe."""
    return dashboard(
        names.dashboard(probe.ref.uid), probe_title(probe), client, ["voice", "voice-probe"], _probe_panels(probe)
    )


def probe_title(probe: Probe) -> str:
    """Title that no other dashboard of the client can have: Grafana would overwrite one by the other."""
    if probe.display_name == probe.ref.name:
        return f"Probe {probe.ref.name}"
    return f"{probe.display_name} ({probe.ref.name})"


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
