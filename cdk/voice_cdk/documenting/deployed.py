"""The stacks of a synthesised folder, in the order in which they are deployed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from voice_cdk.documenting.tables import table
from voice_cdk.judge.keys import Json


def stacks(folder: Path) -> str:
    """A row for each stack; one that several clients have is told once, for the first of them."""
    rows: dict[str, list[str]] = {}
    for artifact, template in _stacks(folder):
        name = artifact["properties"]["stackName"]
        kind, _, client = artifact["displayName"].rpartition("/")[2].partition("-")
        shown = name.removesuffix(client) + "NAME" if client else name
        kept = "yes" if artifact["properties"].get("terminationProtection") else ""
        what = template.get("Description", "").replace(f" {client}", " NAME") if client else template["Description"]
        rows.setdefault(kind, [f"`{shown}`", what, str(len(template["Resources"])), kept])
    return table(["stack", "what is in it", "resources", "protected"], list(rows.values()))


def _stacks(folder: Path) -> Iterator[tuple[Json, Json]]:
    """What the manifests say of each stack, and its template: each after those that it needs."""
    for path in sorted(folder.glob("*/manifest.json")):
        for artifact in json.loads(path.read_text(encoding="utf-8"))["artifacts"].values():
            if artifact["type"] == "aws:cloudformation:stack":
                template = path.with_name(artifact["properties"]["templateFile"])
                yield artifact, json.loads(template.read_text(encoding="utf-8"))
