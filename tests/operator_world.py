"""The operator with its outside replaced by values: what it does without a server, and what a server would hold."""

from __future__ import annotations

import asyncio
import base64
import copy
import datetime
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.far_grafana import Connected, FarGrafana
from voiceprobe_operator.database.sql import CLIENT_VIEWS, Published
from voiceprobe_operator.database.transactions import Receipt
from voiceprobe_operator.declared.store import Store
from voiceprobe_operator.desired import fingerprint
from voiceprobe_operator.errors import Denied, Rejected, Transient
from voiceprobe_operator.grafana import Grafana
from voiceprobe_operator.grafana.server import Server
from voiceprobe_operator.kubernetes import Secrets
from voiceprobe_operator.reconciling.reconciler import Reconciler
from voiceprobe_operator.reconciling.resync import Resync
from voiceprobe_operator.reconciling.sweep import Guard
from voiceprobe_operator.reporting.allotter import Allotter
from voiceprobe_operator.reporting.health import Health
from voiceprobe_operator.reporting.reporter import Reporter
from voiceprobe_operator.reporting.statuswriter import StatusWriter
from voiceprobe_operator.settings import Settings
from voiceprobe_operator.turn.status import merged
from voiceprobe_operator.waits import Waits

Body = dict[str, Any]
# On which releases of Grafana are judged: they get fixes for a time.
TODAY = datetime.date(2026, 12, 1)


def crds() -> dict[str, Body]:
    """The CRDs of this version, by the kind that they declare."""
    found = [yaml.safe_load(path.read_text()) for path in (Path(__file__).parents[1] / "crds").glob("*.yaml")]
    return {crd["spec"]["names"]["kind"]: crd for crd in found}


class Failing:
    """Something that fails once after some more calls: before it has done what it was asked to, or (lost) after."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.is_lost = self.away = False

    def fail_after(self, calls: int, is_lost: bool) -> None:
        self.left, self.is_lost = calls, is_lost

    def well(self) -> None:
        self.left = None

    @contextmanager
    def call(self, reason: str) -> Iterator[None]:
        """Wrap what is done in one call."""
        fails = self.away or self.left == 0
        if self.left is not None:
            self.left = self.left - 1 if self.left else None
        if fails and not self.is_lost:
            raise Transient(reason, "it does not answer")
        yield
        if fails:
            raise Transient(reason, "the answer got lost")


class Cluster(Failing):
    """An API server's objects. `denied`: Secrets may not be read; `stubborn`: objects that take no status."""

    def __init__(self) -> None:
        super().__init__()
        self.objects_: dict[tuple[str, str, str], Body] = {}
        self.events: list[tuple[str, str]] = []
        self.messages: list[str] = []
        self.patches: list[tuple[str, Body]] = []
        self.denied, self.version = False, 0
        self.stubborn: set[str] = set()
        self.secrets: dict[tuple[str, str], Body] = {}
        self.secret_reads: list[str] = []
        self.watches: list[tuple[str, dict[str, str], asyncio.Queue[Body]]] = []
        self.forbidden: set[str] = set()
        self.lease_: Body | None = None
        # The CRDs as the API server serves them, by kind.
        self.crds = crds()

    async def crd(self, kind: str) -> Body | None:
        with self.call("KubernetesUnavailable"):
            return copy.deepcopy(self.crds.get(kind))

    def put(self, body: Body) -> Body:
        """Store an object; the event's body."""
        key = self._key(body)
        before = self.objects_.get(key, {})
        self.version += 1
        stored = copy.deepcopy(body)
        stored["metadata"]["resourceVersion"] = str(self.version)
        if before.get("metadata", {}).get("uid") == body["metadata"]["uid"]:
            stored["status"] = body.get("status", before.get("status", {}))
        self.objects_[key] = stored
        return copy.deepcopy(stored)

    def remove(self, kind: str, namespace: str, name: str) -> Body:
        body = self.objects_.pop((kind, namespace, name))
        self.version += 1
        return body | {"metadata": body["metadata"] | {"resourceVersion": str(self.version)}}

    @staticmethod
    def _key(body: Body) -> tuple[str, str, str]:
        return body["kind"], body["metadata"].get("namespace", ""), body["metadata"]["name"]

    async def objects(self, kind: str) -> Any:
        with self.call("KubernetesUnavailable"):
            found = [copy.deepcopy(body) for body in self.objects_.values() if body["kind"] == kind]
        for body in found:
            yield body

    async def patch_status(self, ref: Any, status: Body) -> Body | None:
        with self.call("KubernetesUnavailable"):
            if ref.name in self.stubborn:
                raise Rejected("KubernetesRejected", f"{ref.name} cannot be patched")
            body = self.objects_.get((ref.kind, ref.namespace, ref.name))
            if body is None or body["metadata"]["uid"] != ref.uid:
                return None
            self.patches.append((ref.name, status))
            self.version += 1
            body["status"] = merged(body.get("status", {}), status)
            body["metadata"]["resourceVersion"] = str(self.version)
            return copy.deepcopy(body)

    async def secret(self, namespace: str, name: str) -> Body | None:
        if self.denied or namespace in self.forbidden:
            raise Denied("KubernetesUnavailable", "the Kubernetes API answered 403")
        self.secret_reads.append(name)
        return copy.deepcopy(self.secrets.get((namespace, name)))

    async def create_secret(self, namespace: str, body: Body) -> Body:
        return self.put_secret(namespace, body["metadata"]["name"], body["stringData"], body["metadata"]["labels"])

    async def patch_secret(self, namespace: str, name: str, content: Body) -> Body:
        return self.put_secret(namespace, name, content["stringData"])

    def put_secret(self, namespace: str, name: str, data: dict[str, str], labels: Body | None = None) -> Body:
        """Store a Secret, and tell those who watch."""
        self.version += 1
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        body = {
            "metadata": {"name": name, "resourceVersion": str(self.version), "labels": labels or {}},
            "data": encoded,
        }
        kind = "MODIFIED" if (namespace, name) in self.secrets else "ADDED"
        self.secrets[namespace, name] = body
        self._tell(namespace, kind, body)
        return copy.deepcopy(body)

    def remove_secret(self, namespace: str, name: str) -> None:
        """Remove a Secret, and tell those who watch."""
        self._tell(namespace, "DELETED", self.secrets.pop((namespace, name)))

    def _tell(self, namespace: str, kind: str, body: Body) -> None:
        for watched, selector, events in self.watches:
            if watched == namespace and _selects(selector, body):
                events.put_nowait({"type": kind, "object": copy.deepcopy(body)})

    async def watch_secrets(self, namespace: str, selector: dict[str, str]) -> Any:
        events: asyncio.Queue[Body] = asyncio.Queue()
        watch = (namespace, selector, events)
        self.watches.append(watch)
        try:
            while True:
                yield await events.get()
        finally:
            self.watches.remove(watch)

    async def lease(self, namespace: str, name: str) -> Body | None:
        if self.away:
            raise Transient("KubernetesUnavailable", "the Kubernetes API does not answer")
        return copy.deepcopy(self.lease_)

    async def put_lease(self, namespace: str, body: Body) -> Body | None:
        have = await self.lease(namespace, body["metadata"]["name"])
        if (have or {"metadata": {}})["metadata"].get("resourceVersion") != body["metadata"].get("resourceVersion"):
            return None
        self.version += 1
        self.lease_ = copy.deepcopy(body)
        self.lease_["metadata"]["resourceVersion"] = str(self.version)
        return copy.deepcopy(self.lease_)

    async def event(self, ref: Any, kind: str, reason: str, message: str) -> None:
        self.events.append((ref.name, reason))
        self.messages.append(message)

    async def namespace_event(self, namespace: str, kind: str, reason: str, message: str) -> None:
        self.events.append((namespace, reason))

    async def aclose(self) -> None:
        return None

    def condition(self, name: str, kind: str = "Ready") -> Body:
        body = next(b for b in self.objects_.values() if b["metadata"]["name"] == name)
        return next(c for c in body["status"]["conditions"] if c["type"] == kind)


class Rows(Failing):
    """MySQL's rows. `refuse`: probes whose rows it does not take, and why."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, Body] = {}
        self.orgs: dict[str, int | None] = {}
        self.plan: dict[tuple[str, str], Body] = {}
        self.refuse: dict[str, Rejected] = {}
        self.reads, self.writes = 0, 0
        self.statements: list[Body] = []
        self.accounts: dict[str, tuple[str, tuple[str, ...]]] = {}

    async def aclose(self) -> None:
        return None

    async def published(self, client: str) -> Published:
        with self.call("DatabaseUnavailable"):
            self.reads += 1
            mine = {probe: row for (of, probe), row in self.plan.items() if of == client}
            return Published(
                self.rows.get(client),
                self.orgs.get(client),
                {probe: fingerprint(row) for probe, row in mine.items()},
                {probe: row["uid"] for probe, row in mine.items()},
                {probe: tuple(json.loads(row["allotted_numbers"])) for probe, row in mine.items()},
            )

    async def publish(self, client: str, client_row: Body | None, rows: Any, gone: Any) -> Receipt:
        with self.call("DatabaseUnavailable"):
            self.writes += 1
            if client_row is not None:
                self.rows[client] = client_row
            for probe in gone:
                self.plan.pop((client, probe), None)
            receipt = Receipt()
            for row in rows:
                self._upsert(client, row, receipt)
            return receipt

    def _upsert(self, client: str, row: Body, receipt: Receipt) -> None:
        self.statements.append(row)
        if row["probe"] in self.refuse:
            receipt.refused[row["probe"]] = self.refuse[row["probe"]]
        else:
            self.plan[client, row["probe"]] = row
            receipt.states[row["probe"]] = self.state(client, row["probe"])

    @staticmethod
    def state(client: str, probe: str) -> Body:
        return {"client": client, "probe": probe, "health": "NoData", "last_call_at": None}

    async def revoke_numbers(self, client: str, probes: Sequence[str]) -> None:
        with self.call("DatabaseUnavailable"):
            self.writes += 1
            for probe in probes:
                self.plan[client, probe]["allotted_numbers"] = "[]"

    async def close_to_all(self, client: str) -> None:
        with self.call("DatabaseUnavailable"):
            self.writes += 1
            self.rows[client] = self.rows[client] | {"access": None}

    async def set_organisation(self, client: str, org: int | None) -> None:
        with self.call("DatabaseUnavailable"):
            self.writes += 1
            self.orgs[client] = org

    async def ensure_account(self, account: str, password: str, views: Sequence[str] = CLIENT_VIEWS) -> bool:
        with self.call("DatabaseUnavailable"):
            self.accounts[account] = (password, tuple(views))
            return False

    async def known_probes(self) -> set[tuple[str, str]]:
        with self.call("DatabaseUnavailable"):
            return set(self.plan)

    async def shown_clients(self) -> set[str]:
        with self.call("DatabaseUnavailable"):
            is_open = {client for client, row in self.rows.items() if row.get("access") is not None}
            return is_open | {client for client, org in self.orgs.items() if org is not None}

    async def states(self) -> list[Body]:
        with self.call("DatabaseUnavailable"):
            return [self.state(*key) for key in self.plan]


def _selects(selector: dict[str, str], body: Body) -> bool:
    label, _, value = selector.get("labelSelector", "").partition("=")
    name = selector.get("fieldSelector", "").removeprefix("metadata.name=")
    labels = body["metadata"].get("labels") or {}
    return (not name or body["metadata"]["name"] == name) and (not label or labels.get(label) == value)


class World:
    """All of the operator but its loops, on a cluster, a database and a Grafana that are values."""

    def __init__(self, settings: Settings, grafana: FarGrafana) -> None:
        self.settings, self.far = settings, grafana
        self.cluster, self.database = Cluster(), Rows()
        # Clients that are to be looked at anew, as one of their Secrets changed.
        self.changed: list[str] = []
        self.start()

    def start(self) -> None:
        """Start the operator anew: all that it knew is gone."""

        async def no_wait(_: float) -> None:
            return None

        self.store, self.guard = Store(), Guard(sweep_all=self.settings.sweep_all)
        outside: Any = self.cluster
        database: Any = self.database
        self.api = Grafana(self.settings, connections=Connected(self.far.answer), sleep=no_wait)
        self.server = Server(self.api, today=lambda: TODAY)
        self.writer = StatusWriter(outside, self.store)
        reporter = Reporter(outside, self.writer, self.store, self.settings.portal_url)
        self.secrets = Secrets(outside, self.settings.operator_namespace, self.changed.append)
        self.reconciler = Reconciler(
            self.settings, self.store, self.guard, self.secrets, database, self.api, self.server, reporter
        )
        self.resyncing = Resync(self.settings, self.store, self.guard, outside, database, self.server, Waits())
        self.allotter = Allotter(self.store, self.writer)
        self.health = Health(database, self.store, self.writer)

    async def aclose(self) -> None:
        """End what goes on by itself."""
        await self.secrets.aclose()

    def password(self, name: str) -> str:
        """The password in a Secret that the operator made."""
        data = self.cluster.secrets[self.settings.operator_namespace, name]["data"]
        return base64.b64decode(data["password"]).decode()

    def apply(self, *bodies: Body) -> None:
        """Store objects, and tell the operator by events."""
        for body in bodies:
            self.store.notice(self.cluster.put(body), deleted=False)

    def delete(self, name: str, kind: str = "VoiceProbe", namespace: str = "acme") -> None:
        """Remove an object, and tell the operator by an event."""
        self.store.notice(self.cluster.remove(kind, namespace, name), deleted=True)

    async def resync(self) -> set[str]:
        """What the service does at a resync."""
        clients = await self.resyncing.look()
        self.reconciler.forget()
        for client in sorted(clients):
            await self.reconciler.reconcile(client)
        await self.allotter.reconcile()
        self.store.claims.take_changed()
        return clients

    async def follow(self) -> list[str]:
        """What the service does after an event: look at those to whose numbers something came or went; who they are."""
        await self.allotter.reconcile()
        clients = self.store.claims.take_changed()
        for client in clients:
            await self.reconciler.reconcile(client)
        return clients

    def forget_requests(self) -> None:
        """Count from here on."""
        self.far.reads.clear()
        self.far.writes.clear()
        self.cluster.patches.clear()
        self.cluster.events.clear()
        self.database.reads = self.database.writes = 0
        self.database.statements.clear()
