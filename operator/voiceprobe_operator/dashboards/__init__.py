"""The dashboards of a client: one overview, and one for each probe. Nothing here does I/O."""

from voiceprobe_operator.dashboards.dashboard import REVISION_PREFIX, Dashboard, revision
from voiceprobe_operator.dashboards.overview import overview_dashboard
from voiceprobe_operator.dashboards.panels import Json
from voiceprobe_operator.dashboards.probe import probe_dashboard, probe_title

__all__ = ["REVISION_PREFIX", "Dashboard", "Json", "overview_dashboard", "probe_dashboard", "probe_title", "revision"]
