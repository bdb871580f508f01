"""Which clients are looked at, and when: the service with its outside replaced by values."""

import asyncio
import datetime

import pytest

from voiceprobe_operator import handlers
from voiceprobe_operator.errors import Rejected, Transient
from voiceprobe_operator.handlers import Memo, registry
from voiceprobe_operator.model import reference
from voiceprobe_operator.service import Service
from voiceprobe_operator.status import conditions


class Outside:
    """The API server and the database as far as the service asks them itself."""

    def __init__(self):
        self.bodies, self.in_plan, self.rows, self.patches = [], set(), [], []
        self.away, self.stubborn = False, set()

    async def objects(self, kind, namespace=None):
        return [body for body in self.bodies if body["kind"] == kind]

    async def patch_status(self, ref, status):
        if ref.name in self.stubborn:
            raise Rejected("KubernetesRejected", f"{ref.name} cannot be patched")
        self.patches.append((ref.name, status))

    async def known_probes(self):
        if self.away:
            raise Transient("DatabaseUnavailable", "the database does not answer")
        return self.in_plan

    async def states(self):
        return self.rows


@pytest.fixture
def outside():
    return Outside()


@pytest.fixture
def service(settings, outside, monkeypatch):
    service = Service(settings)
    monkeypatch.setattr(service, "_database", outside)
    monkeypatch.setattr(service, "_kubernetes", outside)
    monkeypatch.setattr(service._writer, "_kubernetes", outside)
    return service


@pytest.fixture
def queued(service, monkeypatch):
    """The clients that the service said need work."""
    keys = []
    monkeypatch.setattr(service._queue, "add", keys.extend)
    return keys


def test_only_a_new_spec_a_new_object_or_an_end_makes_work(service, queued, probe_body):
    body = probe_body()
    service.notice(body, deleted=False)
    service.notice({**body, "status": {"health": "Healthy"}}, deleted=False)
    assert queued == ["acme"]
    service.notice(probe_body(metadata={"generation": 4}), deleted=False)
    service.notice(probe_body(metadata={"uid": "another", "generation": 4}), deleted=False)
    service.notice(probe_body(metadata={"uid": "another", "generation": 4}), deleted=True)
    assert queued == ["acme"] * 4


async def test_a_resync_looks_at_every_client_and_at_those_whose_last_probe_vanished(
    service, outside, queued, probe_body
):
    outside.bodies = [probe_body()]
    outside.in_plan = {("acme", "inbound-sales"), ("ghost", "gone")}
    await service.resync()
    assert queued == ["acme", "ghost"]
    assert service.seconds_since_resync() < 60


async def test_a_resync_in_the_wrong_cluster_removes_nothing(service, outside, queued, caplog, probe_body):
    outside.bodies = [probe_body()]
    outside.in_plan = {("acme", f"p{n}") for n in range(20)}
    await service.resync()
    assert queued == []
    assert "is this the right cluster?" in caplog.text


async def test_a_resync_without_the_database_still_looks_at_what_is_declared(service, outside, queued, probe_body):
    outside.bodies, outside.away = [probe_body()], True
    await service.resync()
    assert queued == ["acme"]


async def test_health_is_written_where_it_changed(service, outside, queued, probe_body):
    outside.bodies = [probe_body()]
    await service.resync()
    outside.rows = [
        {"client": "acme", "probe": "inbound-sales", "health": "NoData", "last_call_at": None},
        {"client": "acme", "probe": "unknown", "health": "NoData", "last_call_at": None},
    ]
    await service.update_health()
    assert [patch["health"] for _, patch in outside.patches] == ["NoData"]
    outside.patches.clear()
    outside.rows[0]["health"] = "Suspended"
    await service.update_health()
    await service.update_health()
    assert outside.patches == [("inbound-sales", {"health": "Suspended"})]


async def test_conditions_of_both_loops_end_up_in_the_status(service, outside, queued, probe_body):
    """Each loop writes the whole list of conditions: one that waits for the API server must not undo the other's."""
    outside.bodies = [body := probe_body()]
    await service.resync()
    ref, written = reference(body), asyncio.Event()
    patch_status = outside.patch_status

    async def slow(ref, status):
        await written.wait()
        await patch_status(ref, status)

    outside.patch_status = slow
    now = datetime.datetime.now(datetime.UTC)
    ready = service._writer.write(ref, lambda have: {"conditions": conditions(have, {}, 1, now)})
    reporting = asyncio.create_task(ready)
    outside.rows = [{"client": "acme", "probe": "inbound-sales", "health": "NoData", "last_call_at": None}]
    looking = asyncio.create_task(service.update_health())
    await asyncio.sleep(0)  # both have asked what is known
    written.set()
    await asyncio.gather(reporting, looking)
    assert {c["type"] for c in outside.patches[-1][1]["conditions"]} == {"Ready", "Callable"}


async def test_one_status_that_cannot_be_written_keeps_no_other(service, outside, queued, probe_body):
    names = ["first", "second", "third"]
    outside.bodies = [probe_body(metadata={"name": name, "uid": name}) for name in names]
    outside.stubborn = {"first"}
    await service.resync()
    outside.rows = [
        {
            "client": "acme",
            "probe": name,
            "health": "NoData",
            "last_call_at": None,
            "disposition": None,
            "sip_code": None,
        }
        for name in names
    ]
    with pytest.raises(Rejected, match="first"):
        await service.update_health()
    assert [name for name, _ in outside.patches] == ["second", "third"]


async def test_handlers_only_pass_on_what_they_heard(settings, probe_body, monkeypatch):
    heard = []
    memo = Memo(settings)
    with pytest.raises(RuntimeError, match="before startup"):
        await handlers.noticed(event={"type": "ADDED"}, body={}, memo=memo)
    memo.service = type("Heard", (), {"notice": lambda _, body, deleted: heard.append(deleted)})()
    await handlers.noticed(event={"type": None}, body=probe_body(), memo=memo)
    await handlers.noticed(event={"type": "DELETED"}, body=probe_body(), memo=memo)
    assert heard == [False, True]
    assert registry() is not registry()


async def test_start_and_stop_leave_nothing_running(settings, outside, service, monkeypatch):
    monkeypatch.setattr(
        "voiceprobe_operator.liveness.listen", lambda _: __import__("socket").create_server(("127.0.0.1", 0))
    )
    outside.aclose = service._grafana.aclose
    before = asyncio.all_tasks()
    await service.start()
    await service.stop()
    assert asyncio.all_tasks() == before
