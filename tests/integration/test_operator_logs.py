"""What the operator logs, at its most talkative: one JSON object a line, and no secret in any."""

from __future__ import annotations

import base64
import json
import re

import httpx
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


def test_an_organisation_that_went_as_declared_is_no_loss_and_one_that_was_lost_is(own_cluster: Lab) -> None:
    lab, leaving, staying = own_cluster, "leaving", "staying"
    # No resync comes between: only the look at Grafana, every 15 s, can find something missing.
    one = Replica(lab, "losses", VOICE_RESYNC_SECONDS="600")
    until(one.leads, 60, "it leads")
    for client in (leaving, staying):
        namespace(lab, client)
        roll_out(lab, client, 1)
    metadata = {"name": "client", "namespace": leaving}
    body = {"apiVersion": "voicequality.io/v1alpha1", "kind": "VoiceClient", "metadata": metadata}
    cluster.apply(lab, json.dumps({**body, "spec": {"displayName": "Leaving Ltd", "whenEmpty": "Delete"}}))
    until(lambda: ready(lab, leaving) == ready(lab, staying) == ready(lab, leaving, "vc") == 1, 90, "both are ready")
    cluster.kubectl(lab, "delete", "vp,vc", "--all", "-n", leaving)
    until(lambda: messages(one, f"{leaving}: nothing is declared any more: the organisation is removed"), 60, "it goes")
    looked = looks(one)
    until(lambda: looks(one) > looked + 1, 60, "the operator has looked at Grafana since")
    assert messages(one, "Grafana has lost") == []
    with httpx.Client(base_url=lab.grafana_url, auth=grafana.administrator(lab)) as api:
        api.delete(f"/api/orgs/{api.get(f'/api/orgs/name/{staying}').json()['id']}").raise_for_status()
        until(lambda: messages(one, "Grafana has lost"), 60, "a loss is told")
        until(lambda: api.get(f"/api/orgs/name/{staying}").is_success, 60, "it is made again")
    assert messages(one, "Grafana has lost") == [f"Grafana has lost 1 organisation(s), made again now: {staying}"]
    cluster.kubectl(lab, "delete", "vp", "--all", "-n", staying)
    one.terminate()


def messages(one: Replica, beginning: str) -> list[str]:
    told = (json.loads(line)["message"] for line in one.log.read_text().splitlines() if line.endswith("}"))
    return [message for message in told if message.startswith(beginning)]


def looks(one: Replica) -> float:
    """How often the operator has asked Grafana for all organisations."""
    asked = re.findall(r'request_seconds_count{[^}]*call="GET /api/orgs"[^}]*} (\S+)', one.get("/metrics").text)
    return sum(map(float, asked))
