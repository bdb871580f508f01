"""What the chart needs of the CRDs' files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

CRDS = sorted((Path(__file__).parents[2] / "crds").glob("*.yaml"))
REVISION = "voicequality.io/crd-revision"
# Of each revision that was released, what the CRDs were. A change of the CRDs is a new line, and a new revision in all
# of them.
DIGESTS = {
    "1": "18946e358285ec7d",
    "2": "9ee33ceb7f76a897",
}


def without_words(node: Any) -> Any:
    """A schema without its descriptions, which change nothing."""
    if isinstance(node, dict):
        kept = {key: value for key, value in node.items() if key != "description" or not isinstance(value, str)}
        return {key: without_words(value) for key, value in kept.items()}
    return [without_words(each) for each in node] if isinstance(node, list) else node


def test_a_change_of_the_crds_raises_their_revision() -> None:
    """By it alone the chart knows that a cluster's CRDs are older."""
    found = [yaml.safe_load(path.read_text()) for path in CRDS]
    (revision,) = {crd["metadata"]["annotations"][REVISION] for crd in found}
    text = json.dumps([without_words(crd["spec"]) for crd in found], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    assert DIGESTS[revision] == digest, f"raise {REVISION} in every CRD, and add it here with {digest}"
    assert max(DIGESTS, key=int) == revision


def test_every_crd_begins_a_document() -> None:
    """`helm show crds` of helm 3 prints the files one after the other: kubectl would then take but the last."""
    assert len(CRDS) == 3
    for path in CRDS:
        assert path.read_text().startswith("---\n")
