"""The Helm chart, with the Secrets it refers to, installed on the API server."""

from __future__ import annotations

import json
from typing import Any

import yaml

from voice_lab import places, pods
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.identity import portal as providers
from voice_lab.node import plan
from voice_lab.pods import NAMESPACE
from voice_lab.services import cluster, database, grafana, identity

REQUIRES = ("cluster", "schema", "grafana", "doors", "images")
AFTER = ("identity",)
"""What it waits for where that is started too: the portal is told of the providers that there are."""
PACKAGES: tuple[str, ...] = ()
RELEASE = "voice-quality"
CHART = places.CHECKOUT / "charts" / "voice-quality"
CRDS = places.CHECKOUT / "crds"
GROUP = ".voicequality.io"
READY_SECONDS = 150
INTERVALS = {"resyncSeconds": 20, "statusSeconds": 3, "alertSeconds": 10}
"""Shorter than the chart's, for people and tests that wait."""


def install() -> None:
    """Nothing beyond the packages."""


def start(lab: Lab) -> None:
    """Make the CRDs, the namespace and its Secrets, then install (or upgrade) the chart.

    Without a kubelet its hooks are left out: nothing would run them; `migrate` does.

    Raises:
        LabError: the cluster has CRDs of ours, or a namespace, that no lab made; or pods do not become ready.
    """
    _apply_crds(lab)
    prepare(lab)
    path = lab.folder / "values.yaml"
    path.write_text(yaml.safe_dump(values(lab)))
    options = ("--namespace", NAMESPACE, "--values", str(path), "--skip-crds")
    form = ("--wait", f"--timeout={READY_SECONDS}s") if lab.pods else ("--no-hooks",)
    cluster.helm(lab, "upgrade", "--install", RELEASE, str(CHART), *options, *form)


def prepare(lab: Lab) -> None:
    """Make what whoever installs the chart makes before: the namespace, with the Secrets and the ConfigMap.

    Raises:
        LabError: the cluster has a namespace of that name that no lab made.
    """
    cluster.claim_namespace(lab, NAMESPACE)
    if lab.pods:
        cluster.kubectl(lab, "label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    for name, data in _secrets(lab).items():
        _apply(lab, {"kind": "Secret", "stringData": data}, name)
    _apply(lab, {"kind": "ConfigMap", "data": {"ca.pem": database.authority(lab).read_text()}}, "voice-mysql-ca")
    if providers.is_there(lab):
        authority = {"ca.pem": identity.authority(lab).read_text()}
        _apply(lab, {"kind": "Secret", "stringData": providers.secret(lab)}, providers.SECRET)
        _apply(lab, {"kind": "ConfigMap", "data": authority}, providers.AUTHORITY)


def migrate(lab: Lab) -> None:
    """Run the container of the migration's Job, as helm does before anything else of a release.

    Raises:
        LabError: it failed.
    """
    hooks = yaml.safe_load_all(cluster.helm(lab, "get", "hooks", RELEASE, "--namespace", NAMESPACE))
    for job in hooks:
        if job and job["kind"] == "Job":
            pods.run(lab, job, env={"HOME": str(lab.folder)})


def healthy(lab: Lab) -> bool:
    """Tell whether the API server serves VoiceProbes."""
    try:
        cluster.kubectl(lab, "get", "voiceprobes", "-A")
    except LabError:
        return False
    return True


def stop(lab: Lab) -> None:
    """Uninstall from a cluster that outlives the lab."""
    if cluster.outlives(lab) and cluster.is_ours(lab, NAMESPACE):
        cluster.helm(lab, "uninstall", RELEASE, "--namespace", NAMESPACE, "--ignore-not-found")
        cluster.release_namespace(lab, NAMESPACE)
        _release_crds(lab)


def refuse_foreign_crds(lab: Lab) -> None:
    """See that the lab would change no CRD that it did not make: an older checkout's takes fields from a newer one.

    Raises:
        LabError: the cluster has one.
    """
    foreign = [name for name, is_ours in _crds(lab).items() if not is_ours]
    if foreign:
        raise LabError(
            f"the cluster of {lab.admin_kubeconfig} has the CRD {foreign[0]}, which no lab made: another installation "
            "works with it, and the lab would put this checkout's in its place. Use another cluster"
        )


def values(lab: Lab) -> dict[str, Any]:
    """Return the chart's values for this lab."""
    found = _values_of_pods(lab) if lab.pods else _values_of_processes(lab)
    found["portal"] |= providers.values(lab)
    return found


def _values_of_pods(lab: Lab) -> dict[str, Any]:
    return {
        "image": {"pullPolicy": "Never"},
        "mysql": {"host": plan.HOST_NAME, "port": lab.ports["mysql"]},
        "grafana": {
            "url": f"http://{plan.HOST_NAME}:{lab.ports['grafana']}/grafana",
            "mysqlAddress": f"127.0.0.1:{lab.ports['mysql']}",
        },
        "operator": INTERVALS,
        "portal": {"url": lab.portal_url, "workers": 1},
        "networkPolicies": {"ports": {"apiServer": [443, lab.ports["apiserver"]]}},
    }


def _values_of_processes(lab: Lab) -> dict[str, Any]:
    # A cluster with nodes must not start the pods too: the lab runs their containers here.
    replicas = 0 if lab.kubeconfig else 1
    return {
        "mysql": {"host": "127.0.0.1", "port": lab.ports["mysql"]},
        "grafana": {"url": lab.grafana_url},
        "operator": {
            "replicas": replicas,
            **INTERVALS,
            "livenessPort": lab.ports["operator-liveness"],
        },
        "portal": {
            "replicas": replicas,
            "url": lab.portal_url,
            "port": lab.ports["portal"],
            "address": "127.0.0.1",
            "appPort": lab.ports["portal-app"],
            "metricsPort": lab.ports["portal-metrics"],
            "workers": 1,
            "proxyUser": "root",
        },
    }


def _crds(lab: Lab) -> dict[str, bool]:
    """Our CRDs that the cluster has; for each, whether a lab made it."""
    found = json.loads(cluster.kubectl(lab, "get", "crds", "-o", "json"))["items"]
    return {
        body["metadata"]["name"]: body["metadata"].get("labels", {}).get(cluster.LABEL) == "true"
        for body in found
        if body["metadata"]["name"].endswith(GROUP)
    }


def _apply_crds(lab: Lab) -> None:
    """Bring the CRDs to this checkout's, as a user does before an upgrade, marked as a lab's."""
    if lab.kubeconfig:
        refuse_foreign_crds(lab)
    documents = [yaml.safe_load(path.read_text()) for path in sorted(CRDS.glob("*.yaml"))]
    for document in documents:
        document["metadata"]["labels"] = {cluster.LABEL: "true"}
    options = ("--server-side", "--field-manager=helm", "--force-conflicts")
    cluster.kubectl(lab, "apply", *options, "-f", "-", stdin=yaml.safe_dump_all(documents))


def _release_crds(lab: Lab) -> None:
    """Delete the CRDs, if a lab made them and nobody else has declared anything since."""
    ours = [name for name, is_ours in _crds(lab).items() if is_ours]
    for name in ours:
        objects = json.loads(cluster.kubectl(lab, "get", name, "-A", "-o", "json"))["items"]
        if any(not _is_in_our_namespace(lab, body) for body in objects):
            return
    if ours:
        cluster.kubectl(lab, "delete", "crd", *ours, "--wait=false")


def _is_in_our_namespace(lab: Lab, body: dict[str, Any]) -> bool:
    namespace = body["metadata"].get("namespace")
    return bool(namespace) and cluster.is_ours(lab, namespace)


def _secrets(lab: Lab) -> dict[str, dict[str, str]]:
    user, password = grafana.administrator(lab)
    mysql = {account: lab.passwords[f"mysql-{account}"] for account in ("owner", "operator", "portal")}
    key = (lab.folder / "pki" / "portal.key").read_text()
    return {
        "voice-mysql": mysql,
        "voice-grafana": {"user": user, "password": password},
        "voice-portal": {"secret-key": lab.passwords["portal-key"], "grafana-jwt.pem": key},
    }


def _apply(lab: Lab, manifest: dict[str, Any], name: str) -> None:
    metadata = {"name": name, "namespace": NAMESPACE}
    cluster.apply(lab, json.dumps({"apiVersion": "v1", "metadata": metadata, **manifest}))
