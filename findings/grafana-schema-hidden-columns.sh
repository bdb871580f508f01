#!/usr/bin/env bash
# @grafana/schema and @grafana/ui (npm, Apache-2.0): how a table's column is kept out of sight.
#
# Expected: a field of the published schema lasts for a major version, or is deprecated before it goes.
# Found: custom.hidden, the only word for it in 12.1, is gone from the types of 12.2, which have custom.hideFrom instead.
# 12.1 knows nothing of the new word, and the table of 12.2 looks at no other: no one word hides a column in all of 12.
#
# Needs npm. Exits with 1 if any of it is no longer so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for version in 12.1.0 12.2.0; do
  mkdir "$version"
  for package in schema ui; do
    (cd "$version" && mkdir "$package" && tar -xzf "$(npm pack --silent "@grafana/$package@$version")" -C "$package")
  done
done

# The words of the types: the fields of a table's field, and of what they extend.
types() {
  declared=$(find "$1/schema" -name common.gen.d.ts | head -1)
  awk '/^export interface TableFieldOptions/,/^}/' "$declared" | grep -Eo 'extends HideableFieldConfig|hidden\?' || true
}
# The words that the table of 12 (TableNG) looks at.
table() { grep -rhoE 'custom\) == null \? void 0 : _[a-z]+\.(hidden|hideFrom)' "$1/ui/package/dist/esm/components/Table/TableNG" \
  --include='*.mjs' | grep -Eo 'hidden|hideFrom' | sort -u; }

result=
for version in 12.1.0 12.2.0; do
  printf '%s: the types of a table have: %s; the table looks at: %s\n' "$version" "$(types "$version")" "$(table "$version")"
  result="$result$(types "$version")/$(table "$version");"
done
expected='hidden?/hidden;extends HideableFieldConfig/hideFrom;'
if [ "$result" != "$expected" ]; then
  echo "this is no longer so: $result" >&2
  exit 1
fi
