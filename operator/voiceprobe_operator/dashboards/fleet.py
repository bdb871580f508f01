"""The dashboard of the provider's own staff: all clients, and the SIP hosts that call for them."""

from __future__ import annotations

from voiceprobe_operator import names
from voiceprobe_operator.dashboards import words
from voiceprobe_operator.dashboards.dashboard import Dashboard, dashboard
from voiceprobe_operator.dashboards.panels import FEW, SOLID, Json, Panel, Place, health_columns, measure, wide
from voiceprobe_operator.dashboards.queries import fleet as queries

_NO_HOST = "No SIP host has been heard of"


def fleet_dashboard() -> Dashboard:
    """All clients at a glance. It asks the database for them, so a new client changes nothing. Its times are UTC."""
    panels = [*_now(), _clients(), _worst_probes(), _hosts(), *_over_time()]
    tags = ["voice", "voice-overview"]
    return dashboard(names.FLEET_DASHBOARD_UID, "All clients", "UTC", tags, panels, names.FLEET_DATASOURCE_UID)


def _now() -> list[Panel]:
    return [
        Panel(
            kind="stat",
            title="Probes by health",
            description="How many probes of all clients are healthy, degraded, unhealthy, without data or suspended"
            " now.",
            sql=queries.counts(),
            place=Place(0, 0, 8, 4),
            unit="short",
            no_data="No probes yet",
            columns=health_columns(),
        ),
        Panel(
            kind="stat",
            title="Calls of this time",
            description=f"All clients together. {words.ANSWER_RATE} {words.SLA} MOS is that of a call's worse"
            f" direction."
            f" {words.WORST}",
            sql=queries.rates_of_all(),
            place=Place(8, 0, 8, 4),
            unit="short",
            columns=words.RATES_AND_MOS,
        ),
        Panel(
            kind="stat",
            title="SIP hosts together",
            description="Hosts heard in the last 30 s and hosts that are silent; calls that are up; records that wait"
            " on the"
            " hosts' disks (spool depth) and that the database will never take (dead letters); calls that limits left"
            " out.",
            sql=queries.hosts_in_short(),
            place=Place(16, 0, 8, 4),
            unit="short",
            no_data=_NO_HOST,
        ),
    ]


def _clients() -> Panel:
    return Panel(
        kind="table",
        title="Clients",
        description="Every client: its probes by health now; all else of the valid calls of this time. The worst first."
        f" {words.ANSWER_RATE} {words.SLA} {words.WORST}",
        sql=queries.clients(),
        place=Place(0, 4, 24, 8),
        no_data="No clients yet",
        columns={"Client": wide(200), "Probes": measure("short"), **health_columns(), **words.RATES_IN_TABLE},
    )


def _worst_probes() -> Panel:
    return Panel(
        kind="table",
        title="Worst probes",
        description=f"The twenty probes of all clients with the lowest SLA compliance in this time. {words.SLA}"
        f" {words.WORST}",
        sql=queries.worst_probes(),
        place=Place(0, 12, 24, 9),
        columns={"Client": wide(200), **words.RATES_IN_TABLE},
    )


def _hosts() -> Panel:
    columns: dict[str, Json] = {
        "State": {
            "mappings": [
                {
                    "type": "value",
                    "options": {
                        "Up": {"color": "green", "index": 0},
                        "Late": {"color": "orange", "index": 1},
                        "Away": {"color": "red", "index": 2},
                    },
                }
            ],
            "custom.cellOptions": SOLID,
        },
        "Heartbeat": measure("s"),
        "Clock offset": measure("ms", 1),
        "Started": words.TIME,
    }
    return Panel(
        kind="table",
        title="SIP hosts",
        description="Every SIP host as it is now; Heartbeat is the age of the last one, Clock offset its clock minus"
        " the"
        " database's. Spool depth: records that wait on its disk. Dead letters: records the database will never take.",
        sql=queries.hosts(),
        place=Place(0, 21, 24, 7),
        unit="short",
        no_data=_NO_HOST,
        columns=columns,
    )


def _over_time() -> list[Panel]:
    return [
        Panel(
            kind="timeseries",
            title="Calls by SIP host",
            description="Number of calls that each SIP host recorded in each interval, whether they count or not.",
            sql=queries.calls_by_host(),
            place=Place(0, 28, 8, 8),
            unit="short",
            stacked=True,
            interval="5m",
            points=FEW,
        ),
        Panel(
            kind="timeseries",
            title="Calls that do not count",
            description="Share of each SIP host's calls that the host itself spoilt (not valid), in each interval.",
            sql=queries.invalid_by_host(),
            place=Place(8, 28, 8, 8),
            unit="percent",
            maximum=100,
            interval="5m",
            points=FEW,
        ),
        Panel(
            kind="timeseries",
            title="Outcomes",
            description="Number of valid calls of all clients by final SIP code and outcome, in each interval.",
            sql=queries.outcomes_of_all(),
            place=Place(16, 28, 8, 8),
            unit="short",
            stacked=True,
            interval="5m",
            points=FEW,
            columns=words.OUTCOME_BARS,
        ),
    ]
