"""The dashboard of one probe."""

from __future__ import annotations

import re
from urllib.parse import quote

from voiceprobe_operator import names, pages
from voiceprobe_operator.dashboards import words, zones
from voiceprobe_operator.dashboards.dashboard import Dashboard, dashboard
from voiceprobe_operator.dashboards.panels import (
    FEW,
    HIDDEN,
    MILLISECONDS,
    PLAIN,
    Bands,
    Json,
    Panel,
    Place,
    banded,
    linked,
    measure,
    wide,
)
from voiceprobe_operator.dashboards.queries import probe as queries
from voiceprobe_operator.dashboards.rating import rating_threshold
from voiceprobe_operator.model import Client, Probe

_NO_CALL_YET = "No call yet"
_WIDE_BAND = frozenset({"opus", "G722"})


def probe_dashboard(client: Client, probe: Probe, portal_url: str) -> Dashboard:
    """All that is measured of one probe."""
    panels = [
        *_state_panels(probe),
        *_quality_panels(probe),
        *_path_panels(probe),
        *_outcome_panels(probe),
        _heat_map(probe, client.time_zone),
        _calls_panel(client, probe, portal_url),
    ]
    uid = names.dashboard(probe.ref.uid)
    return dashboard(uid, probe_title(probe), client.time_zone, ["voice", "voice-probe"], panels)


def probe_title(probe: Probe) -> str:
    """Title that no other dashboard of the client can have: Grafana before 11.3 writes one over the other.

    It compares titles without regard to case and to blanks around them. A probe's name has neither, and is its alone.
    """
    name, shown = probe.ref.name, probe.display_name.strip()
    if shown in {"", name}:
        return f"Probe {name}"
    title = f"{shown} ({name})"
    # Of a name such as "voice" and a display name without a letter of ASCII, nothing but the folder's slug would be
    # left, which Grafana before 11.3 refuses.
    return f"Probe {title}" if _slug(title) == _slug(names.FOLDER_TITLE) else title


def _slug(title: str) -> str:
    """What is left of a title in an address."""
    return "-".join(re.findall("[a-z0-9]+", title.lower()))


def _bands(probe: Probe) -> dict[str, Bands]:
    return {
        "mos": Bands(probe.mos, higher_is_better=True),
        "loss": Bands(probe.loss_pct),
        "jitter": Bands(probe.jitter_ms),
        "pdd": Bands(probe.pdd_ms),
        "late": Bands(probe.late_media_ms),
    }


def _state_panels(probe: Probe) -> list[Panel]:
    name, bands = probe.ref.name, _bands(probe)
    stats: list[tuple[str, str, str, str, Bands | None]] = [
        ("MOS now", "Mean opinion score of the last valid call, the worse direction.", "mos", "none", bands["mos"]),
        ("Loss now", "Packets lost in the last valid call, the worse direction.", "loss_pct", "percent", bands["loss"]),
        ("Jitter now", "Jitter of the last valid call, the worse direction.", "jitter_ms", "ms", bands["jitter"]),
        (
            "Post-dial delay now",
            "INVITE to first ringing in the last valid call.",
            "pdd_ms",
            MILLISECONDS,
            bands["pdd"],
        ),
        (
            "Late media now",
            "Answer to the first sound in the last valid call, the worse direction.",
            "late_media_ms",
            MILLISECONDS,
            bands["late"],
        ),
    ]
    health = Panel(
        kind="stat",
        title="Health",
        description="What the last valid call says about the path.",
        sql=queries.state(name, "health"),
        place=Place(0, 0, 4, 3),
        no_data=_NO_CALL_YET,
        text=True,
    )
    rates = Panel(
        kind="stat",
        title="Calls of this time",
        description=f"{words.ANSWER_RATE} {words.SLA} MOS is that of a call's worse direction. {words.WORST}",
        sql=queries.rates_of(name),
        place=Place(0, 3, 24, 3),
        unit="short",
        columns=words.RATES_AND_MOS,
    )
    now = [
        Panel("stat", title, says, queries.state(name, column), Place(4 * i, 0, 4, 3), unit, band, _NO_CALL_YET)
        for i, (title, says, column, unit, band) in enumerate(stats, start=1)
    ]
    return [health, *now, rates]


def _quality_panels(probe: Probe) -> list[Panel]:
    name, bands = probe.ref.name, _bands(probe)
    is_narrow = not _WIDE_BAND & set(probe.codecs)
    scale = "the bands are the MOS thresholds as ratings" if is_narrow else "0 to 100 narrow-band, to 129 wide-band"
    return [
        Panel(
            kind="timeseries",
            title="MOS",
            description="Mean opinion score (ITU-T G.107, conversational) of each direction, over the calls in each"
            f" interval. {words.WORST}",
            sql=queries.streams(name, "mos_cq", low_is_bad=True),
            place=Place(0, 6, 12, 9),
            bands=bands["mos"],
            no_data=words.NONE_ANSWERED,
            minimum=1,
            maximum=5,
            columns=words.LINES,
        ),
        Panel(
            kind="timeseries",
            title="R factor",
            description=f"Transmission rating R (ITU-T G.107) of each direction; {scale}. {words.WORST}",
            sql=queries.streams(name, "r_factor", low_is_bad=True),
            place=Place(12, 6, 12, 9),
            bands=Bands(rating_threshold(probe.mos), higher_is_better=True) if is_narrow else None,
            no_data=words.NONE_ANSWERED,
            columns=words.LINES,
        ),
    ]


def _path_panels(probe: Probe) -> list[Panel]:
    name, bands = probe.ref.name, _bands(probe)
    rows: list[tuple[str, str, str, str, Bands | None, str]] = [
        (
            "Packet loss",
            "Share of the packets of each direction that never arrived",
            queries.loss(name),
            "percent",
            bands["loss"],
            words.NONE_ANSWERED,
        ),
        (
            "Jitter",
            "Interarrival jitter (RFC 3550) of each direction",
            queries.streams(name, "jitter_ms"),
            "ms",
            bands["jitter"],
            words.NONE_ANSWERED,
        ),
        (
            "Round trip",
            "Time of the media to the other party and back (RTCP)",
            queries.streams(name, "rtt_ms"),
            "ms",
            None,
            words.NONE_ANSWERED,
        ),
        (
            "Post-dial delay",
            "Time from INVITE to the first ringing",
            queries.post_dial_delay(name),
            "ms",
            bands["pdd"],
            "No call rang in this time range",
        ),
        (
            "Late media",
            "Time from the answer to the first sound of each direction, whatever came before the answer",
            queries.streams(name, "late_media_ms"),
            "ms",
            bands["late"],
            words.NONE_ANSWERED,
        ),
    ]
    places = [*(Place(12 * i, 15, 12, 8) for i in range(2)), *(Place(8 * i, 23, 8, 8) for i in range(3))]
    return [
        Panel(
            kind="timeseries",
            title=title,
            description=f"{says}, over the calls in each interval. {words.WORST}",
            sql=sql,
            place=place,
            unit=unit,
            bands=band,
            no_data=no_data,
            columns=words.LINES,
        )
        for (title, says, sql, unit, band, no_data), place in zip(rows, places, strict=True)
    ]


def _outcome_panels(probe: Probe) -> list[Panel]:
    return [
        Panel(
            kind="timeseries",
            title="Outcomes",
            description="Number of valid calls by final SIP code and outcome, in each interval.",
            sql=queries.outcomes_of(probe.ref.name),
            place=Place(0, 31, 12, 8),
            unit="short",
            stacked=True,
            interval="5m",
            points=FEW,
            columns=words.OUTCOME_BARS,
        ),
        Panel(
            kind="timeseries",
            title="Answer rate and SLA compliance",
            description=f"Of the calls in each interval. {words.ANSWER_RATE} {words.SLA}",
            sql=queries.shares_of(probe.ref.name),
            place=Place(12, 31, 12, 8),
            unit="percent",
            maximum=100,
            interval="5m",
            points=FEW,
            columns=words.SHARE_LINES,
        ),
    ]


def _heat_map(probe: Probe, time_zone: str) -> Panel:
    zone = time_zone if zones.is_known(time_zone) else "UTC"
    return Panel(
        kind="table",
        title="MOS by hour and weekday",
        description="The worst 5 % of the MOS, either direction, of the last four weeks: one call in twenty that"
        " began in"
        f" this hour of this weekday was worse. Clocks of {zone}. A dash: no MOS was measured.",
        sql=queries.heat_map(probe.ref.name, zones.changes(zone)),
        place=Place(0, 39, 24, 9),
        bands=_bands(probe)["mos"],
        no_data="No answered call in the last four weeks",
        span="28d",
        judged=True,
        columns={"Day": {"custom.cellOptions": PLAIN, **wide(100)}, "/^[0-9]{2}$/": wide(42)},
    )


def _calls_panel(client: Client, probe: Probe, portal_url: str) -> Panel:
    bands = _bands(probe)
    call = pages.call(portal_url, client.name, quote(probe.ref.name, safe=""), "${__data.fields.Call}")
    columns: dict[str, Json] = {
        "/./": wide(130),
        "Started": words.TIME | linked("Open the call", call, new_tab=True),
        "SIP code": measure("none") | wide(80),
        "Duration": measure("ms", 1) | wide(90),
        "Round trip": measure("ms", 1) | wide(100),
        "Post-dial delay": banded(MILLISECONDS, bands["pdd"], 0),
        "Codec": wide(80),
        "Band": wide(80),
        "Valid": wide(60),
        "Call-ID": wide(280),
        "Call": HIDDEN,
    }
    for end in ("receiver", "dialer"):
        columns[f"MOS to {end}"] = banded("none", bands["mos"])
        columns[f"Loss to {end}"] = banded("percent", bands["loss"])
        columns[f"Jitter to {end}"] = banded("ms", bands["jitter"], 1)
        columns[f"Delay variation to {end}"] = measure("ms", 1) | wide(180)
        columns[f"Late media to {end}"] = banded(MILLISECONDS, bands["late"], 0) | wide(150)
        columns[f"On hold to {end}"] = measure("ms", 1)
    return Panel(
        kind="table",
        title="Calls",
        description="The latest 200 calls of this time; the time of each leads to its page in the portal. One that is"
        " not"
        " valid was spoilt by the measuring host.",
        sql=queries.calls(probe.ref.name),
        place=Place(0, 48, 24, 12),
        columns=columns,
    )
