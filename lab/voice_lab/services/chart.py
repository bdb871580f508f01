"""The Helm chart, with the Secrets it refers to, installed on the API server."""

from __future__ import annotations

import json
from typing import Any

import yaml

from voice_lab import places
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.pods import NAMESPACE
from voice_lab.services import cluster, database, grafana

REQUIRES = ("cluster", "schema", "grafana")
PACKAGES: tuple[str, ...] = ()
RELEASE = "voice-quality"
CHART = places.CHECKOUT / "charts" / "voice-quality"


def install() -> None:
    """Nothing beyond the packages."""


def start(lab: Lab) -> None:
    """Make the namespace and its Secrets, then install (or upgrade) the chart."""
    cluster.claim_namespace(lab, NAMESPACE)
    for name, data in _secrets(lab).items():
        _apply(lab, {"kind": "Secret", "stringData": data}, name)
    _apply(lab, {"kind": "ConfigMap", "data": {"ca.pem": database.authority(lab).read_text()}}, "voice-mysql-ca")
    path = lab.folder / "values.yaml"
    path.write_text(yaml.safe_dump(values(lab)))
    cluster.helm(lab, "upgrade", "--install", RELEASE, str(CHART), "--namespace", NAMESPACE, "--values", str(path))


def healthy(lab: Lab) -> bool:
    """Tell whether the API server serves VoiceProbes."""
    try:
        cluster.kubectl(lab, "get", "voiceprobes", "-A")
    except LabError:
        return False
    return True


def stop(lab: Lab) -> None:
    """Uninstall from a cluster that outlives the lab; the lab's own goes with its data."""
    if lab.kubeconfig and cluster.is_ours(lab, NAMESPACE):
        cluster.helm(lab, "uninstall", RELEASE, "--namespace", NAMESPACE, "--ignore-not-found")
        cluster.release_namespace(lab, NAMESPACE)


def values(lab: Lab) -> dict[str, Any]:
    """Return the chart's values for this lab."""
    # A cluster with nodes must not start the pods too: the lab runs their containers here.
    replicas = 0 if lab.kubeconfig else 1
    return {
        "mysql": {"host": "127.0.0.1", "port": lab.ports["mysql"]},
        "grafana": {"url": lab.grafana_url},
        "operator": {
            "replicas": replicas,
            "resyncSeconds": 20,
            "statusSeconds": 3,
            "alertSeconds": 10,
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
