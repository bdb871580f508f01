"""The dashboard of all probes of a client."""

from __future__ import annotations

from voiceprobe_operator import names, pages
from voiceprobe_operator.dashboards import words
from voiceprobe_operator.dashboards.dashboard import Dashboard, dashboard
from voiceprobe_operator.dashboards.panels import (
    FEW,
    HIDDEN,
    MILLISECONDS,
    Json,
    Panel,
    Place,
    health_cell,
    health_columns,
    linked,
    measure,
    wide,
)
from voiceprobe_operator.dashboards.queries import overview as queries
from voiceprobe_operator.model import Client

TITLE = "All probes"
_NO_PROBES = "No probes yet"


def overview_dashboard(client: Client, portal_url: str) -> Dashboard:
    """All probes of the client at a glance. It asks the database for them, so a new probe does not change it."""
    panels = [*_now(), _timeline(), _probes(), *_mos(), _worst_calls(client, portal_url), *_over_time()]
    return dashboard(names.OVERVIEW_UID, TITLE, client.time_zone, ["voice", "voice-overview"], panels)


def _now() -> list[Panel]:
    return [
        Panel(
            kind="stat",
            title="Probes by health",
            description="How many probes are healthy, degraded, unhealthy, without data or suspended now.",
            sql=queries.counts(),
            place=Place(0, 0, 12, 4),
            unit="short",
            no_data=_NO_PROBES,
            columns=health_columns(),
        ),
        Panel(
            kind="stat",
            title="Calls of this time",
            description=f"All probes together. {words.ANSWER_RATE} {words.SLA} MOS is that of a call's worse direction."
            f" {words.WORST}",
            sql=queries.rates_of_all(),
            place=Place(12, 0, 12, 4),
            unit="short",
            columns=words.RATES_AND_MOS,
        ),
    ]


def _timeline() -> Panel:
    return Panel(
        kind="state-timeline",
        title="Health over time",
        description="The worst health of each probe's valid calls in each interval, judged by its thresholds as they"
        " are"
        f" now. The {queries.TIMELINES} probes that are worst now, if there are more. A gap: no call for an hour.",
        sql=queries.timeline(),
        place=Place(0, 4, 24, 10),
        unit="short",
        interval="5m",
    )


def _probes() -> Panel:
    columns: dict[str, Json] = {
        "Health": health_cell(),
        # With the organisation: who may see several clients may open it in another tab.
        "Probe": linked(
            "Open the probe", "/d/${__data.fields.Dashboard}/-?orgId=${__org.id}&${__url_time_range}", new_tab=False
        )
        | wide(180),
        **words.RATES_IN_TABLE,
        "MOS to receiver": words.MOS | wide(130),
        "MOS to dialer": words.MOS | wide(110),
        "PDD, worst 5 %": measure(MILLISECONDS) | wide(120),
        "Last call": {"unit": "dateTimeFromNow", **wide(150)},
        "Dashboard": HIDDEN,
    }
    return Panel(
        kind="table",
        title="Probes",
        description="Every probe: its health and last call now; all else of the valid calls of this time. The worst"
        f" first. MOS to receiver and to dialer: the median; MOS, worst 5 %: of the worse direction. PDD: post-dial"
        f" delay. {words.ANSWER_RATE} {words.SLA} {words.WORST}",
        sql=queries.probes(),
        place=Place(0, 14, 24, 10),
        no_data=_NO_PROBES,
        columns=columns,
    )


def _mos() -> list[Panel]:
    return [
        Panel(
            kind="timeseries",
            title="MOS of all probes",
            description="Mean opinion score (ITU-T G.107, conversational) of each direction, over the calls of all"
            " probes"
            f" in each interval. {words.WORST}",
            sql=queries.mos(),
            place=Place(0, 24, 12, 9),
            no_data=words.NONE_ANSWERED,
            minimum=1,
            maximum=5,
            interval="5m",
            columns=words.LINES,
        ),
        Panel(
            kind="timeseries",
            title="MOS of the worst probes",
            description=f"The lowest MOS, either direction, of each interval: of the {queries.SERIES} probes with the"
            " lowest mean MOS of this time.",
            sql=queries.mos_of_worst(),
            place=Place(12, 24, 12, 9),
            no_data=words.NONE_ANSWERED,
            minimum=1,
            maximum=5,
            interval="5m",
        ),
    ]


def _worst_calls(client: Client, portal_url: str) -> Panel:
    call = pages.call(portal_url, client.name, "${__data.fields.Name}", "${__data.fields.Call}")
    return Panel(
        kind="table",
        title="Worst ten calls",
        description="The answered calls of this time that sounded worst: those without sound in a direction, then by"
        " the"
        " MOS of the worse direction. The time leads to the call's page in the portal.",
        sql=queries.worst_calls(),
        place=Place(0, 33, 24, 12),
        no_data=words.NONE_ANSWERED,
        columns={
            "Started": words.TIME | linked("Open the call", call, new_tab=True),
            "MOS to receiver": words.MOS,
            "MOS to dialer": words.MOS,
            "Loss": measure("percent", 2),
            "Jitter": measure("ms", 1),
            "Post-dial delay": measure(MILLISECONDS),
            "Name": HIDDEN,
            "Call": HIDDEN,
        },
    )


def _over_time() -> list[Panel]:
    return [
        Panel(
            kind="timeseries",
            title="Answer rate and SLA compliance",
            description=f"Of the calls in each interval. {words.ANSWER_RATE} {words.SLA}",
            sql=queries.shares(),
            place=Place(0, 45, 12, 8),
            unit="percent",
            maximum=100,
            interval="5m",
            points=FEW,
            columns=words.SHARE_LINES,
        ),
        Panel(
            kind="timeseries",
            title="Outcomes",
            description="Number of valid calls by final SIP code and outcome, in each interval.",
            sql=queries.outcomes_of_all(),
            place=Place(12, 45, 12, 8),
            unit="short",
            stacked=True,
            interval="5m",
            points=FEW,
            columns=words.OUTCOME_BARS,
        ),
    ]
