"""Who names numbers and who allots them: clients with a namespace each, and the provider."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeVar

from tests.conftest import Cluster, Database

API = "voicequality.io/v1alpha1"
PATIENCE = 60
Body = dict[str, Any]
T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float = PATIENCE) -> T:
    """The first true answer of `condition`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.3)
    return found


class Client:
    """One client's namespace, of this test alone."""

    def __init__(self, cluster: Cluster, database: Database, label: str) -> None:
        self.name, self._cluster, self._database = f"{label}-{uuid.uuid4().hex[:8]}", cluster, database
        cluster.kubectl("create", "namespace", self.name)

    def probe(self, name: str, receiver: str, destination: str = "+441632960000", **spec: Any) -> None:
        spec |= {
            "destination": f"sip:{destination}@sbc.example",
            "dialer": {"address": "sip:probe-1@voice.example.net"},
            "receiver": {"address": f"sip:{receiver}@voice.example.net"},
            "suspend": True,
        }
        metadata = {"name": name, "namespace": self.name}
        body = {"apiVersion": API, "kind": "VoiceProbe", "metadata": metadata, "spec": spec}
        self._cluster.kubectl("apply", "-f", "-", stdin=json.dumps(body))

    def kubectl(self, *arguments: str) -> str:
        return self._cluster.kubectl("--namespace", self.name, *arguments)

    def condition(self, probe: str, kind: str = "PlanPublished") -> Body:
        body = json.loads(self.kubectl("get", "voiceprobe", probe, "-o", "json"))
        found = [c for c in body.get("status", {}).get("conditions", ()) if c["type"] == kind]
        is_new = found and found[0].get("observedGeneration") == body["metadata"]["generation"]
        return found[0] if is_new else {"status": "not yet", "reason": "not yet", "message": ""}

    def becomes(self, probe: str, reason: str, kind: str = "PlanPublished") -> None:
        until(lambda: self.condition(probe, kind)["reason"] == reason)

    def plan(self) -> dict[str, list[str]]:
        """Which numbers count, by probe that is published."""
        with closing(self._database.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT probe, allotted_numbers FROM voice.voice_probe WHERE client = %s", (self.name,))
            return {probe: json.loads(numbers) for probe, numbers in cursor.fetchall()}

    def told(self) -> str:
        """All that whoever may read this namespace is told of its probes."""
        return self.kubectl("get", "voiceprobes", "-o", "json") + self.kubectl("get", "events", "-o", "json")


class Provider:
    """Who allots numbers."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self._made = cluster, set[str]()

    def allot(self, client: Client, *numbers: str, name: str = "") -> str:
        name = name or f"{client.name}-{uuid.uuid4().hex[:4]}"
        spec = {"client": client.name, "numbers": list(numbers)}
        body = {"apiVersion": API, "kind": "NumberAllotment", "metadata": {"name": name}, "spec": spec}
        self._cluster.kubectl("apply", "-f", "-", stdin=json.dumps(body))
        self._made.add(name)
        return name

    def take_back(self, *names: str) -> None:
        self._cluster.kubectl("delete", "numberallotment", *names, "--ignore-not-found")

    def condition(self, name: str) -> Body:
        body = json.loads(self._cluster.kubectl("get", "na", name, "-o", "json"))
        found = body.get("status", {}).get("conditions", ())
        is_new = found and found[0].get("observedGeneration") == body["metadata"]["generation"]
        return found[0] if is_new else {"status": "not yet", "reason": "not yet", "message": ""}

    def close(self) -> None:
        if self._made:
            self.take_back(*self._made)
