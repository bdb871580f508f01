"""The dashboard of all probes of a client."""

from __future__ import annotations

from voiceprobe_operator import names
from voiceprobe_operator.dashboards import queries
from voiceprobe_operator.dashboards.dashboard import Dashboard, dashboard
from voiceprobe_operator.dashboards.panels import Json, Panel, Place, health_mappings
from voiceprobe_operator.model import Client


def overview_dashboard(client: Client) -> Dashboard:
    """All probes of the client at a glance. It asks the database for them, so a new probe does not change it."""
    return dashboard(names.OVERVIEW_UID, "All probes", client, ["voice", "voice-overview"], _overview_panels())


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
