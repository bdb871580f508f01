"""The page of a dashboard: its panels with their data, drawn by the portal's chart functions. Nothing here does I/O
but for its own templates and files.
"""

from voice_lab.grafana_stand_in.preview.page import notice, render
from voice_lab.grafana_stand_in.preview.static import static
from voice_lab.grafana_stand_in.preview.view import View, panels_of, queries, time_range

__all__ = ["View", "notice", "panels_of", "queries", "render", "static", "time_range"]
