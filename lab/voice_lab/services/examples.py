"""The VoiceProbes of `examples/`, applied as a user would."""

from __future__ import annotations

import json
from typing import Any

import yaml

from voice_lab import places
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.evidence import Expectation
from voice_lab.services import cluster

REQUIRES = ("operator", "sip_host")
PACKAGES: tuple[str, ...] = ()
FOLDER = places.CHECKOUT / "examples"
EXPECTATION = "lab.voicequality.io/expect"


def install() -> None:
    """Nothing beyond the packages."""


def start(lab: Lab) -> None:
    """Make the clients' namespaces and apply what is in them."""
    for name in _named("Namespace"):
        cluster.claim_namespace(lab, name)
    allotments = _named("NumberAllotment")
    cluster.refuse_foreign(lab, "numberallotment", allotments)
    cluster.kubectl(lab, "apply", "-f", str(FOLDER))
    cluster.claim(lab, "numberallotment", allotments)


def healthy(lab: Lab) -> bool:
    """Tell whether the operator has made everything of every probe."""
    return all(_is_ready(probe) for probe in _probes(lab))


def stop(lab: Lab) -> None:
    """Delete them from a cluster that outlives the lab."""
    if cluster.outlives(lab):
        cluster.release(lab, "numberallotment", _named("NumberAllotment"))
        for name in _named("Namespace"):
            cluster.release_namespace(lab, name)


def expectations(lab: Lab) -> list[Expectation]:
    """Return what the calls of each example probe must come back as.

    Raises:
        LabError: there is no probe, or one does not say what its calls must come to.
    """
    found = []
    for probe in _probes(lab):
        name, namespace = probe["metadata"]["name"], probe["metadata"]["namespace"]
        if not (text := probe["metadata"].get("annotations", {}).get(EXPECTATION)):
            raise LabError(f"the example {namespace}/{name} has no annotation {EXPECTATION}")
        found.append(Expectation.parse(namespace, name, text))
    if not found:
        raise LabError(f"there is no VoiceProbe in {FOLDER}")
    return found


def _probes(lab: Lab) -> list[dict[str, Any]]:
    names = set(_named("Namespace"))
    items = json.loads(cluster.kubectl(lab, "get", "voiceprobes", "-A", "-o", "json"))["items"]
    return [item for item in items if item["metadata"]["namespace"] in names]


def _is_ready(probe: dict[str, Any]) -> bool:
    conditions = probe.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _named(kind: str) -> list[str]:
    texts = (path.read_text() for path in sorted(FOLDER.glob("*.yaml")))
    documents = [document for text in texts for document in yaml.safe_load_all(text)]
    return [document["metadata"]["name"] for document in documents if document["kind"] == kind]
