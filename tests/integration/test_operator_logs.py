"""What the operator logs, at its most talkative: one JSON object a line, and no secret in any."""

from __future__ import annotations

import base64
import json

import pytest
import yaml

from tests.operator_replica import Replica, namespace, ready, roll_out, until
from voice_lab import pods
from voice_lab.context import Lab
from voice_lab.services import cluster, grafana

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]
NAMESPACE = "logs"


def secrets_of(lab: Lab, replica: Replica) -> dict[str, str]:
    """Everything that the operator knows and nobody may read in a log."""
    kubeconfig = yaml.safe_load(replica.kubeconfig.read_text())
    user, password = grafana.administrator(lab)
    found = {
        "the operator's MySQL password": lab.passwords["mysql-operator"],
        "Grafana's password": password,
        "Grafana's password in a header": base64.b64encode(f"{user}:{password}".encode()).decode(),
        "the service account's token": kubeconfig["users"][0]["user"]["token"],
    }
    kept = json.loads(cluster.kubectl(lab, "get", "secrets", "-n", pods.NAMESPACE, "-o", "json"))["items"]
    for secret in kept:
        if secret["metadata"]["name"].startswith("voice-client-") and (data := secret.get("data")):
            found[secret["metadata"]["name"]] = base64.b64decode(data["password"]).decode()
            found[f"{secret['metadata']['name']} as it is kept"] = data["password"]
    return found


def test_no_secret_is_logged_at_any_level_and_every_line_is_json(own_cluster: Lab) -> None:
    lab = own_cluster
    namespace(lab, NAMESPACE)
    one = Replica(lab, "logs", VOICE_LOG_LEVEL="debug", VOICE_RESYNC_SECONDS="5")
    roll_out(lab, NAMESPACE, 3)
    until(lambda: ready(lab, NAMESPACE) == 3, 90, "all are ready")
    # What fails is told at length.
    grafana.stop(lab)
    try:
        until(lambda: "Grafana does not answer" in one.log.read_text(), 90, "Grafana's absence is told")
    finally:
        grafana.start(lab)
    until(lambda: grafana.healthy(lab), 60, "Grafana is back")
    cluster.kubectl(lab, "delete", "vp", "--all", "-n", NAMESPACE)
    known = secrets_of(lab, one)
    one.terminate()

    assert "voice-client-logs" in known
    records = []
    for line in one.log.read_text().splitlines():
        assert [what for what, secret in known.items() if secret in line] == [], "a secret is in the log"
        records.append(json.loads(line))
    assert all({"timestamp", "severity", "logger", "message"} <= record.keys() for record in records)
    talking = {record["logger"].partition(".")[0] for record in records if record["severity"] == "debug"}
    assert {"kopf", "asyncio"} <= talking, "the libraries talk at this level, or this proves nothing"
    told = [record.get("client") for record in records if f"{NAMESPACE}: plan: " in record["message"]]
    assert told
    assert set(told) == {NAMESPACE}
