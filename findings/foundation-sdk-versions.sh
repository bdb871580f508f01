#!/usr/bin/env bash
# Grafana's foundation SDK on PyPI (grafana-foundation-sdk, Apache-2.0).
#
# Expected: releases for each line of Grafana, the newest by default; the newest knows the options of today's panels.
# Found: the release that pip takes by default is for Grafana 10.1, since releases for 10 and 11 carry an epoch, which
# beats every version without one. None is for 12 or 13. The newest one's model of a table is that of the 11.6 one, to
# the letter: an option that Grafana 12.4 declares (@grafana/schema) is dropped on a round trip, without a word.
#
# Needs python3 >= 3.11 with venv, and npm. Exits with 1 if any of it is no longer so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
pip() { env/bin/python -m pip --quiet --disable-pip-version-check "$@"; }

pip install --dry-run --no-deps --ignore-installed --report default.json grafana-foundation-sdk
pip install --no-deps --target newest 'grafana-foundation-sdk==0.0.21'
pip install --no-deps --target eleven 'grafana-foundation-sdk==1769699379!11.6.0'
npm install --silent --no-audit --no-fund --ignore-scripts '@grafana/schema@12.4.11'

PYTHONPATH=newest env/bin/python -W ignore - <<'PYTHON'
import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

plugins.register_default_plugins()

chosen = json.loads(Path("default.json").read_text())["install"][0]["metadata"]["version"]
print(f"pip takes by default: {chosen}")

table = "grafana_foundation_sdk/models/table.py"
same = (Path("newest") / table).read_text() == (Path("eleven") / table).read_text()
print(f"the model of a table in 0.0.21 is that of 1769699379!11.6.0: {same}")

types = Path("node_modules/@grafana/schema/dist/types/common/common.gen.d.ts").read_text()
options = types.partition("export interface TableOptions {")[2].partition("\n}")[0]
declared = "enablePagination?: boolean" in options
print(f"@grafana/schema 12.4.11 declares the option enablePagination of a table: {declared}")

panel = {"type": "table", "title": "t", "options": {"showHeader": True, "enablePagination": True}}
board = {"title": "b", "schemaVersion": 42, "panels": [panel]}
written = json.loads(JSONEncoder().encode(Dashboard.from_json(board)))["panels"][0]["options"]
print(f"read:    {panel['options']}\nwritten: {written}")

expected = (chosen.endswith("!10.1.0"), same, declared, "enablePagination" not in written)
sys.exit(0 if all(expected) else f"this is no longer so: {expected}")
PYTHON
