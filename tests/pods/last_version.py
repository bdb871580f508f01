"""Releases of the chart for tests in a cluster: the version that the checkout is, and one that stands for the last.

No release was ever made, so the last version is made of this one. It is a copy of the chart with a lower version. Its
images are the same, under that version's tag, so that an upgrade exchanges every pod. Its CRDs are a revision older and
lack a field, of which its operator knows nothing: so the step that brings CRDs up is needed.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from tests.chart import program
from voice_lab import commands
from voice_lab.context import Lab
from voice_lab.images import names
from voice_lab.node import plan
from voice_lab.pods import NAMESPACE
from voice_lab.services import chart, cluster, node

RELEASE = "voice-quality"
LAST = "0.0.9"
REVISION = "voicequality.io/crd-revision"
KIND, LACKING = "VoiceClient", "receivers"
"""The optional field of a spec that the last version does not have."""
OPERATOR = "[python, -m, voiceprobe_operator]"
OLDER_OPERATOR = (
    '[python, -c, "import runpy, voiceprobe_operator.kubernetes.fields as known; '
    f"known.FIELDS['{KIND}'] = {{one for one in known.FIELDS['{KIND}'] if '{LACKING}' not in one}}; "
    "runpy.run_module('voiceprobe_operator', run_name='__main__')\"]"
)
PARTS = "app.kubernetes.io/name in (voice-quality-operator, voice-quality-portal)"
READY = ("--wait", "--timeout=200s")


def last_version(lab: Lab, folder: Path) -> Path:
    """Make the last version's chart below `folder`, and give the lab's node its images; return the package."""
    source = folder / "voice-quality"
    shutil.copytree(chart.CHART, source)  # what is linked to, too
    about = yaml.safe_load((source / "Chart.yaml").read_text())
    (source / "Chart.yaml").write_text(yaml.safe_dump(about | {"version": LAST, "appVersion": LAST}))
    deployment = source / "templates" / "operator.yaml"
    assert OPERATOR in deployment.read_text()
    deployment.write_text(deployment.read_text().replace(OPERATOR, OLDER_OPERATOR))
    for path in (source / "crds").glob("*.yaml"):
        path.write_text("---\n" + yaml.safe_dump(_older(yaml.safe_load(path.read_text()))))
    for name in names.TARGETS:
        _tag(lab, names.whole(name), names.whole(f"{name}:{LAST}"))
    commands.run([program("helm 4"), "package", source, "--destination", folder])
    return folder / f"voice-quality-{LAST}.tgz"


def helm(lab: Lab, line: str, *arguments: str) -> str:
    """Run the helm of a line in the chart's namespace; raises LabError with its words if it fails."""
    where = (f"--kubeconfig={lab.admin_kubeconfig}", f"--namespace={NAMESPACE}")
    return commands.run([program(line), *arguments, *where], seconds=240, env=cluster.environment(lab))


def install(lab: Lab, line: str, package: Path) -> str:
    """Install the chart of this lab's values, and wait until all pods are ready; return what helm says."""
    values = lab.folder / "values.yaml"
    values.write_text(yaml.safe_dump(chart.values(lab)))
    return helm(lab, line, "install", RELEASE, str(package), f"--values={values}", *READY)


def upgrade(lab: Lab, line: str, package: Path) -> str:
    """Upgrade to another chart, with the values that the release has."""
    return helm(lab, line, "upgrade", RELEASE, str(package), f"--values={lab.folder / 'values.yaml'}", *READY)


def bring_up_crds(lab: Lab, line: str, package: Path) -> None:
    """Do what is documented to come before an upgrade: `helm show crds CHART | kubectl apply …`."""
    options = ("--server-side", "--field-manager=helm", "--force-conflicts", "-f", "-")
    cluster.kubectl(lab, "apply", *options, stdin=helm(lab, line, "show", "crds", str(package)))


def chart_pods(lab: Lab) -> list[dict[str, Any]]:
    """The pods of both Deployments, those that are about to go too."""
    found = json.loads(cluster.kubectl(lab, "get", "pods", "-n", NAMESPACE, "-l", PARTS, "-o", "json"))
    return list(found["items"])


def until_gone(lab: Lab, pods: Iterable[dict[str, Any]]) -> None:
    """Wait until none of these is there any more, and nothing of them runs."""
    each = [f"pod/{pod['metadata']['name']}" for pod in pods]
    cluster.kubectl(lab, "wait", *each, "-n", NAMESPACE, "--for=delete", "--timeout=55s")


def inventory(lab: Lab) -> set[str]:
    """All objects of the chart's namespace, and those of none whose name tells that they are ours.

    Left out are those that the cluster itself makes of others: Events, Endpoints and EndpointSlices.
    """
    in_namespace = _names(lab, "--namespaced=true")
    in_none = {name for name in _names(lab, "--namespaced=false") if "voice" in name}
    return {re.sub(r"^(pod/.*migrate)-[a-z0-9]{5}$", r"\1", name) for name in in_namespace | in_none}


def _names(lab: Lab, chosen: str) -> set[str]:
    listed = cluster.kubectl(lab, "api-resources", "--verbs=list", chosen, "-o", "name").split()
    kinds = ",".join(kind for kind in listed if not kind.startswith(("events", "endpoint", "pods.metrics")))
    return set(cluster.kubectl(lab, "get", kinds, "-n", NAMESPACE, "-o", "name").split())


def _older(crd: dict[str, Any]) -> dict[str, Any]:
    annotations = crd["metadata"]["annotations"]
    annotations[REVISION] = str(int(annotations[REVISION]) - 1)
    if crd["spec"]["names"]["kind"] == KIND:
        spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        del spec["properties"][LACKING]
    return crd


def _tag(lab: Lab, image: str, also: str) -> None:
    """Give an image of the node one more name."""
    client = ("ctr", f"--address={plan.SOCKET}", "--namespace=k8s.io", "images", "tag", "--force", image, also)
    commands.run(node.inside(lab, *client))
