#!/usr/bin/env bash
# @grafana/schema (npm, Apache-2.0) and grafana-foundation-sdk (PyPI, Apache-2.0): "connect null values" of a state timeline.
#
# Expected: what Grafana's editor saves is in the schema that Grafana publishes.
# Found: custom.spanNulls, which the editor of a state timeline has had since 2022, is in @grafana/schema for time
# series alone, up to 13.2. The foundation SDK, which is made from the same schemas, has it for both (0.0.21).
#
# Needs npm, and python3 >= 3.11 with venv. Exits with 1 if any of it is no longer so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/python -m pip --quiet --disable-pip-version-check install --no-deps --target sdk 'grafana-foundation-sdk==0.0.21'
tar -xzf "$(npm pack --silent @grafana/schema@13.2.3)"

declared=package/dist/types
timeline=$(grep -c spanNulls "$declared"/raw/composable/statetimeline/panelcfg/x/*.d.ts || true)
series=$(awk '/^export interface LineConfig/,/^}/' "$declared"/common/common.gen.d.ts | grep -c spanNulls || true)
sdk=$(grep -c '"spanNulls"' sdk/grafana_foundation_sdk/models/statetimeline.py || true)
echo "lines that name spanNulls: @grafana/schema 13.2.3: state timeline $timeline, lines of time series $series;" \
  "foundation SDK 0.0.21: state timeline $sdk"
if [ "$timeline" != 0 ] || [ "$series" = 0 ] || [ "$sdk" = 0 ]; then
  echo "this is no longer so" >&2
  exit 1
fi
