"""Whatever happens in whatever order, in the end everything is as declared, and then nothing is written any more.

The operator's outside is replaced by values: the lab's stand-in for Grafana, a
cluster and a database. Hypothesis declares, edits and deletes, lets events get lost, makes Grafana, MySQL and
the API server fail before or after they have done what they were asked, has people meddle, and restarts the operator.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import itertools
import json
from dataclasses import replace
from typing import Any
from unittest import mock

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.far_grafana import FAULTS, FarGrafana
from tests.operator_world import World
from tests.unit.operator import meddling
from tests.unit.operator.conftest import ENV, STORED
from voiceprobe_operator import names
from voiceprobe_operator.alerting import wanted
from voiceprobe_operator.alerting.contacts import contact_point, policy, silence
from voiceprobe_operator.declared.claims import Claims
from voiceprobe_operator.desired import Access, desired
from voiceprobe_operator.errors import OutsideError
from voiceprobe_operator.model import Client, Probe, parse_allotment, parse_client, parse_probe
from voiceprobe_operator.numbers import same_number
from voiceprobe_operator.settings import Settings

clients = st.sampled_from(["acme", "globex"])
probes = st.sampled_from(["one", "two", "three"])
numbers = st.integers(0, 10**6)
POLL_S = 60
HOOK = {"urlSecretRef": {"name": "hook", "key": "url"}}
TOKEN = {"url": "https://hooks.example/", "authorization": {"credentialsSecretRef": {"name": "hook", "key": "token"}}}
receivers = st.lists(
    st.sampled_from(
        [
            {"name": "noc", "email": {"addresses": ["noc@acme.example"]}},
            {"name": "chat", "webhook": HOOK, "severities": ["critical"]},
            {"name": "pager", "webhook": TOKEN},
        ]
    ),
    unique_by=lambda receiver: receiver["name"],
)


class Convergence(RuleBasedStateMachine):
    """A world, and who is to be looked at: what the service's queue would hold."""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.world = World(Settings.from_env(ENV | {"VOICE_SWEEP_ALL": "yes"}), FarGrafana())
        # As in the real one, alerting begins in a new organisation some time after it was made.
        self.world.far.restart(poll_s=POLL_S)
        self.dirty: set[str] = set()
        self.uids = 0

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.settle()
            self.check()
        finally:
            self.loop.run_until_complete(self.world.aclose())
            self.loop.close()

    # What people declare. An event may get lost.

    @rule(client=clients, name=probes, number=numbers, heard=st.booleans())
    def declare(self, client: str, name: str, number: int, heard: bool) -> None:
        key = ("VoiceProbe", client, name)
        meta = self.world.cluster.objects_.get(key, {}).get("metadata", {})
        self.uids += not meta
        body = copy.deepcopy(STORED)
        uid = meta.get("uid", f"00000000-0000-0000-0000-{self.uids:012}")
        made = meta.get("creationTimestamp", f"{number % 5}")
        body["metadata"] = {"name": name, "namespace": client, "uid": uid, "generation": meta.get("generation", 0) + 1}
        body["metadata"]["creationTimestamp"] = made
        body["spec"]["displayName"] = f"Line {number % 3}"
        body["spec"]["suspend"] = bool(number % 2)
        # Two clients come to one number often enough, and not always.
        body["spec"]["receiver"]["address"] = (
            f"sip:{(client, 'agent-7', '02071838750')[number // 2 % 3]}@voice.example.net"
        )
        self._put(body, heard)

    @rule(client=clients, zone=st.sampled_from(["UTC", "Europe/London"]), told=receivers, heard=st.booleans())
    def name_client(self, client: str, zone: str, told: list[Any], heard: bool) -> None:
        meta = self.world.cluster.objects_.get(("VoiceClient", client, "client"), {}).get("metadata", {})
        generation = meta.get("generation", 0) + 1
        self.uids += generation == 1
        uid = meta.get("uid", f"client-{self.uids}")
        meta = {"name": "client", "namespace": client, "uid": uid, "generation": generation}
        spec = {"displayName": "Ltd", "timeZone": zone, "receivers": told}
        self._put({"kind": "VoiceClient", "metadata": meta, "spec": spec}, heard)

    @rule(client=clients, name=st.sampled_from(["a", "b"]), which=numbers, heard=st.booleans())
    def allot(self, client: str, name: str, which: int, heard: bool) -> None:
        meta = self.world.cluster.objects_.get(("NumberAllotment", "", name), {}).get("metadata", {})
        generation, made = meta.get("generation", 0) + 1, meta.get("creationTimestamp", f"{which % 5}")
        self.uids += generation == 1
        uid = meta.get("uid", f"allotment-{self.uids}")
        meta = {"name": name, "uid": uid, "generation": generation, "creationTimestamp": made}
        told = ["agent-7", "+442071838750", "+4420718387*"][which % 3 :]
        self._put({"kind": "NumberAllotment", "metadata": meta, "spec": {"client": client, "numbers": told}}, heard)

    @rule(client=clients, number=numbers)
    def keep_a_secret(self, client: str, number: int) -> None:
        cluster = self.world.cluster
        if number % 3:
            cluster.put_secret(client, "hook", {"url": f"https://hooks.example/{number % 5}", "token": f"{number % 2}"})
        elif (client, "hook") in cluster.secrets:
            cluster.remove_secret(client, "hook")

    def _put(self, body: dict[str, Any], heard: bool) -> None:
        stored = self.world.cluster.put(body)
        if heard and self.world.store.notice(stored, deleted=False):
            self.dirty.add(body["metadata"].get("namespace", names.ALLOTMENTS))

    @rule(which=numbers, heard=st.booleans())
    def delete(self, which: int, heard: bool) -> None:
        if keys := sorted(self.world.cluster.objects_):
            kind, client, name = keys[which % len(keys)]
            body = self.world.cluster.remove(kind, client, name)
            if heard and self.world.store.notice(body, deleted=True):
                self.dirty.add(client or names.ALLOTMENTS)

    # What fails.

    @rule(faults=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=9))
    def grafana_fails(self, faults: list[str]) -> None:
        self.world.far.faults = faults

    @rule(who=st.sampled_from(["cluster", "database"]), after=st.integers(0, 6), is_lost=st.booleans())
    def others_fail(self, who: str, after: int, is_lost: bool) -> None:
        getattr(self.world, who).fail_after(after, is_lost)

    @rule()
    def all_is_well_again(self) -> None:
        self.world.far.faults = []
        self.world.cluster.well()
        self.world.database.well()

    @rule()
    def time_passes(self) -> None:
        self.world.far.now += POLL_S

    @rule()
    def nothing_happens_for_a_while(self) -> None:
        self.all_is_well_again()
        self.time_passes()
        self.resync()
        self.work()

    # What people do behind the operator's back.

    @precondition(lambda self: self.world.far.dashboards)
    @rule(number=numbers, which=numbers)
    def meddle_with_a_dashboard(self, number: int, which: int) -> None:
        meddling.with_a_dashboard(self.world.far, number, which)

    @precondition(lambda self: len(self.world.far.orgs) > 1)
    @rule(number=numbers, which=numbers)
    def meddle_with_an_organisation(self, number: int, which: int) -> None:
        meddling.with_an_organisation(self.world.far, number, which)

    @rule(number=numbers)
    def meddle_with_the_plan(self, number: int) -> None:
        meddling.with_the_plan(self.world.database.plan, number)

    # What the operator does by itself.

    @precondition(lambda self: self.is_all_on_record())
    @rule()
    def restart(self) -> None:
        self.loop.run_until_complete(self.world.aclose())
        self.world.start()
        self.dirty = set()

    def is_all_on_record(self) -> bool:
        """Whether the database knows each client that has dashboards.

        What was written to Grafana while the database was away is known to nobody but the process that wrote it.
        """
        database, far = self.world.database, self.world.far
        known = {client for client, org in database.orgs.items() if org} | {client for client, _ in database.plan}
        return known >= {far.orgs[org] for org, uid in far.dashboards if uid.startswith(names.PROBE_DASHBOARD_PREFIX)}

    @rule()
    def resync(self) -> None:
        self._run(self._resync())

    @rule()
    def pulse(self) -> None:
        self._run(self._pulse())

    @rule()
    def work(self) -> None:
        if self.world.guard.has_judged:
            self._run(self._work())

    @rule()
    def tell_health(self) -> None:
        self._run(self._tell_health())

    async def _resync(self) -> None:
        self.dirty |= await self.world.resyncing.look() | {names.ALLOTMENTS}
        self.world.reconciler.forget()

    async def _pulse(self) -> None:
        await self.world.server.find_organisations()
        lost = self.world.server.strangers(self.world.reconciler.organisations())
        self.world.reconciler.forget(lost)
        self.dirty |= set(lost)

    async def _work(self) -> None:
        failed = set()
        while self.dirty:
            key = min(self.dirty)
            self.dirty.discard(key)
            self.dirty.update(client for client in self.world.store.claims.take_changed() if client != key)
            try:
                if key == names.ALLOTMENTS:
                    await self.world.allotter.reconcile()
                else:
                    await self.world.reconciler.reconcile(key)
            except OutsideError:
                failed.add(key)
        self.dirty = failed

    async def _tell_health(self) -> None:
        await self.world.health.update()

    def _run(self, work: Any) -> None:
        async def attempt() -> None:
            try:
                await work
            except OutsideError:
                return

        self.loop.run_until_complete(attempt())

    # How it ends.

    def settle(self) -> None:
        """Everything works, and the operator has two turns: one may find that what it asks for was done already."""
        self.all_is_well_again()
        with mock.patch("voiceprobe_operator.reconciling.shower.is_due", return_value=True):
            for _ in range(2):
                self.time_passes()
                self.loop.run_until_complete(self._resync())
                self.loop.run_until_complete(self._work())
        # A probe whose row was written and the answer lost has its health from the next look at the states.
        self.loop.run_until_complete(self._tell_health())
        assert not self.dirty, "nobody is in trouble any more"

    def check(self) -> None:
        world = self.world
        for client in ("acme", "globex"):
            self.check_client(client)
        rows = list(world.database.plan.items())
        for ((one, _), mine), ((other, _), theirs) in itertools.combinations(rows, 2):
            both = itertools.product(json.loads(mine["allotted_numbers"]), json.loads(theirs["allotted_numbers"]))
            assert one == other or not any(itertools.starmap(same_number, both))
        world.forget_requests()
        with mock.patch("voiceprobe_operator.reconciling.shower.is_due", return_value=True):
            self.loop.run_until_complete(self._resync())
            self.loop.run_until_complete(self._work())
            self.loop.run_until_complete(self._tell_health())
        assert world.far.writes == []
        assert world.cluster.patches == []
        assert world.cluster.events == []
        assert world.database.writes == 0

    def check_client(self, name: str) -> None:
        world = self.world
        bodies = [body for (_, client, _), body in world.cluster.objects_.items() if client == name]
        mine = {probe: row for (client, probe), row in world.database.plan.items() if client == name}
        org = next((number for number, known in world.far.orgs.items() if known == name), None)
        boards = {uid: board for (of, uid), board in world.far.dashboards.items() if of == org}
        if not bodies:
            assert mine == {}
            assert not [uid for uid in boards if uid.startswith(names.PROBE_DASHBOARD_PREFIX)]
            return
        found = [parse_client(name, body) for body in bodies if body["kind"] == "VoiceClient"]
        client = found[0] if found else Client(name, name)
        specs = [self.with_rights(parse_probe(body)) for body in bodies if body["kind"] == "VoiceProbe"]
        taken = {probe.ref.name for probe in specs if probe.rights.taken}
        want = desired(client, specs, world.settings, Access(world.password(f"voice-client-{name}")))
        assert mine == want.plan
        assert world.database.rows[name] == want.client_row
        assert world.database.orgs[name] == org
        self.check_grafana(want, org, boards)
        for body in bodies:
            ready = next(c for c in body["status"]["conditions"] if c["type"] == "Ready")
            misses = body["kind"] == "VoiceClient" and (name, "hook") not in world.cluster.secrets and hooked(client)
            if body["metadata"]["name"] in taken:
                assert ready["reason"] == "NumberTaken"
            else:
                assert (ready["status"], ready["reason"]) == (
                    ("False", "SecretUnusable") if misses else ("True", "Ready")
                )
            assert body["status"]["observedGeneration"] == body["metadata"]["generation"]

    def with_rights(self, probe: Probe) -> Probe:
        """The probe with what it may do by its numbers, from nothing but what is declared now."""
        claims = Claims()
        for body in self.world.cluster.objects_.values():
            if body["kind"] == "VoiceProbe":
                claims.put_probe(parse_probe(body))
            elif body["kind"] == "NumberAllotment":
                claims.put_allotment(parse_allotment(body))
        return replace(probe, rights=claims.rights((probe.ref.namespace, probe.ref.name)))

    def check_grafana(self, want: Any, org: int | None, boards: dict[str, Any]) -> None:
        far = self.world.far
        assert org is not None
        assert far.logins(org) == {"admin", want.viewer}
        viewer = far.user(want.viewer)
        assert {key: role for key, role in far.members.items() if key[1] == viewer} == {(org, viewer): "Viewer"}
        assert far.datasources[org].items() >= want.datasource.visible.items()
        assert far.folders[org]["title"] == names.FOLDER_TITLE
        assert far.seen_by(want.viewer) == set(boards)
        assert set(boards) == set(want.dashboards)
        alerts = wanted(want.client, self.world.settings)
        assert {uid: rule for (of, uid), rule in far.rules.items() if of == org} == alerts.rules
        self.check_receivers(want.client, org)
        for uid, board in want.dashboards.items():
            assert boards[uid].items() >= (board.model() | {"folderUid": names.FOLDER_UID}).items()

    def check_receivers(self, client: Client, org: int) -> None:
        far, secrets = self.world.far, {}
        if (found := self.world.cluster.secrets.get((client.name, "hook"))) is not None:
            secrets["hook"] = {key: base64.b64decode(value).decode() for key, value in found["data"].items()}
        reached = [r for r in client.receivers if secrets or not [*r.secrets()]]
        key = self.world.settings.fingerprint_key
        points = {point.uid: point.model() for point in (contact_point(r, secrets, key) for r in reached)}
        found = {uid: point for (of, uid), point in far.contacts.items() if of == org}
        assert {uid: found.get(uid) for uid in points} == points
        # What a receiver had stays while its Secret is away.
        had = {point["name"] for uid, point in found.items() if uid not in points}
        told = [r for r in client.receivers if r in reached or names.contact_point(r.name) in had]
        assert had == {names.contact_point(r.name) for r in told if r not in reached}
        assert far.policies[org] == policy(told, "grafana-default-email")
        assert far.timings[org, names.SILENCE] == silence()


def hooked(client: Client) -> bool:
    """Whether any of its receivers needs a Secret."""
    return any([*receiver.secrets()] for receiver in client.receivers)


Convergence.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestConvergence = Convergence.TestCase
