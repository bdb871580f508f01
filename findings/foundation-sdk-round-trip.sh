#!/usr/bin/env bash
# Grafana's foundation SDK for Python (grafana-foundation-sdk 0.0.21, Apache-2.0), reading and writing a dashboard.
#
# Expected: what a dashboard leaves out stays out, or comes back as Grafana's default for it.
# Found: the legend of a time series is hidden (showLegend: false), a link moves into the controls' menu (placement:
# inControlsMenu, which cannot be said otherwise), a tooltip is sorted. What comes back is another dashboard.
#
# Needs python3 >= 3.11 with venv. Exits with 1 if any of it is no longer so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/python -m pip --quiet --disable-pip-version-check install --no-deps 'grafana-foundation-sdk==0.0.21'

env/bin/python -W ignore - <<'PYTHON'
import json
import sys
from importlib.metadata import version

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

plugins.register_default_plugins()

link = {"type": "dashboards", "title": "l", "tags": ["t"], "icon": "external link", "tooltip": "", "asDropdown": True,
        "targetBlank": False, "includeVars": False, "keepTime": True}
options = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
board = {"title": "b", "schemaVersion": 42, "links": [link], "panels": [{"type": "timeseries", "options": options}]}
written = json.loads(JSONEncoder().encode(Dashboard.from_json(board)))

print(f"grafana-foundation-sdk {version('grafana-foundation-sdk')}")
print(f"options read:    {options}\noptions written: {written['panels'][0]['options']}")
print(f"link read:    {link}\nlink written: {written['links'][0]}")

found = written["panels"][0]["options"]
expected = (
    found["legend"].get("showLegend") is False,
    found["tooltip"].get("sort") == "asc",
    written["links"][0].get("placement") == "inControlsMenu",
)
sys.exit(0 if all(expected) else f"this is no longer so: {expected}")
PYTHON
