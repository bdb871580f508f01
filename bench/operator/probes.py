"""VoiceProbes in any number, as a benchmark declares them, and how it waits until they are Ready."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from voice_lab import insider
from voice_lab.context import Lab
from voice_lab.services import cluster

API = "/apis/voicequality.io/v1alpha1"
READY_SECONDS = 900
WORKERS = 4


def administrator(lab: Lab) -> httpx.Client:
    """A client of the lab's own API server that may do everything."""
    keys = lab.folder / "pki"
    trust = ssl.create_default_context(cafile=str(keys / "ca.pem"))
    trust.load_cert_chain(keys / "admin.pem", keys / "admin.key")
    return httpx.Client(base_url=cluster.server(lab), verify=trust, timeout=60, trust_env=False)


def client_name(number: int) -> str:
    """The `number`th client, which is a namespace."""
    return f"client-{number:02d}"


def probe_name(number: int, clients: int) -> tuple[str, str]:
    """Namespace and name of the `number`th probe: they go round the clients."""
    return client_name(number % clients), f"line-{number:04d}"


def declare_clients(api: httpx.Client, clients: int) -> None:
    """Make the namespaces of so many clients, each with its VoiceClient."""
    for number in range(clients):
        name = client_name(number)
        api.post("/api/v1/namespaces", json={"metadata": {"name": name}}).raise_for_status()
        told = {"name": "noc", "email": {"addresses": [f"noc@{name}.example"]}}
        access = {"provider": insider.PROVIDER, "groups": [insider.group(name, "engineer")], "role": "Engineer"}
        spec = {"displayName": f"Client {number}", "receivers": [told], "access": [access]}
        body = _body("VoiceClient", name, "client", spec)
        api.post(f"{API}/namespaces/{name}/voiceclients", json=body).raise_for_status()


def declare(api: httpx.Client, numbers: Iterable[int], clients: int) -> None:
    """Make the probes of these numbers, in the namespaces that `declare_clients` made."""

    def make(number: int) -> None:
        namespace, name = probe_name(number, clients)
        spec = {
            "displayName": f"Line {number}",
            "destination": f"sip:+4420718387{number:02d}@sbc.acme.example",
            "dialer": {"address": f"sip:probe-{number}@voice.example.net"},
            "receiver": {"address": f"sip:desk-{number}@voice.example.net"},
        }
        body = _body("VoiceProbe", namespace, name, spec)
        api.post(f"{API}/namespaces/{namespace}/voiceprobes", json=body).raise_for_status()

    with ThreadPoolExecutor(WORKERS) as pool:
        for _ in pool.map(make, numbers):
            pass


def wait_until_ready(api: httpx.Client) -> None:
    """Return once every probe is Ready in its present generation: by a watch, which costs next to nothing."""
    listed = api.get(f"{API}/voiceprobes").raise_for_status().json()
    waiting_for = {_key(body) for body in listed["items"] if not is_ready(body)}
    version = listed["metadata"]["resourceVersion"]
    query = {"watch": "1", "resourceVersion": version, "timeoutSeconds": str(READY_SECONDS)}
    with api.stream("GET", f"{API}/voiceprobes", params=query, timeout=READY_SECONDS) as answer:
        lines = answer.iter_lines()
        while waiting_for:
            body = json.loads(next(lines))["object"]
            if is_ready(body):
                waiting_for.discard(_key(body))


def is_ready(body: dict[str, Any]) -> bool:
    """Whether an object is Ready in its present generation."""
    found = [each for each in body.get("status", {}).get("conditions", ()) if each["type"] == "Ready"]
    generation = body["metadata"]["generation"]
    return any(each["status"] == "True" and each.get("observedGeneration") == generation for each in found)


def _body(kind: str, namespace: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"namespace": namespace, "name": name}
    return {"apiVersion": "voicequality.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def _key(body: dict[str, Any]) -> tuple[str, str]:
    return body["metadata"]["namespace"], body["metadata"]["name"]
