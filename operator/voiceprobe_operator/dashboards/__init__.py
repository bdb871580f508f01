"""The dashboards: one overview and one for each probe in a client's organisation, one of all clients for the staff.

Nothing here does I/O. What a dashboard holds changes only with what it was made from.
"""

from voiceprobe_operator.dashboards.dashboard import REVISION_PREFIX, Dashboard, revision
from voiceprobe_operator.dashboards.fleet import fleet_dashboard
from voiceprobe_operator.dashboards.overview import TITLE as OVERVIEW_TITLE
from voiceprobe_operator.dashboards.overview import overview_dashboard
from voiceprobe_operator.dashboards.panels import Json
from voiceprobe_operator.dashboards.probe import probe_dashboard, probe_title

__all__ = [
    "OVERVIEW_TITLE",
    "REVISION_PREFIX",
    "Dashboard",
    "Json",
    "fleet_dashboard",
    "overview_dashboard",
    "probe_dashboard",
    "probe_title",
    "revision",
]
