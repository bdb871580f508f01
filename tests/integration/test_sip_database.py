"""The SIP application's own SQL, against a real server, with the rights that its account has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyodbc
import pytest

from tests.integration.test_sip_calls import CLIENT, Records, plan_row
from tests.integration.test_sip_calls import records as records  # noqa: PLC0414 - a fixture
from voice_sipapp.measurement import scoring
from voice_sipapp.plan import plandb
from voice_sipapp.plan.leases import Host, Lease
from voice_sipapp.records import calluuid, joining, odbc
from voice_sipapp.records.callkey import CallKey
from voice_sipapp.records.cdr import CallRecord, Cdr, LadderRecord, ReceiverPart, number
from voice_sipapp.settings import Database

pytestmark = pytest.mark.services

KEY = CallKey(b"the key of all SIP hosts of this provider")
NOW = datetime(2026, 7, 1, 12, 0, 0, 123_000, tzinfo=UTC)


@pytest.fixture
def server(own_database: Any) -> Database:
    env = own_database.environment("sip")
    return Database(
        host=env["VOICE_MYSQL_HOST"], port=int(env["VOICE_MYSQL_PORT"]), name=env["VOICE_MYSQL_DATABASE"],
        user=env["VOICE_MYSQL_USER"], password=env["VOICE_MYSQL_PASSWORD"], tls_ca=env["VOICE_MYSQL_TLS_CA"],
    )  # fmt: skip


@pytest.fixture
def connection(server: Database) -> Iterator[pyodbc.Connection]:
    with closing(odbc.connect(server, autocommit=True)) as made:
        yield made


def a_call(started_at: datetime, **changes: Any) -> CallRecord:
    return CallRecord(**{
        "uuid": calluuid.new(started_at), "started_at": started_at, "client": CLIENT, "probe": "p", "generation": 1,
        "sip_host": "dialers-host", "from_uri": "sip:a@b", "to_uri": "sip:c@d", "ended_at": started_at,
        "disposition": "answered", "answered_at": started_at, "audio": "tone",
    } | changes)  # fmt: skip


def what_was_heard(call: CallRecord, **changes: Any) -> ReceiverPart:
    """The receiver's part of `call`, from a host that was told nothing but the number."""
    heard, _ = scoring.complete(replace(call, sip_host="receivers-host"), scoring.NOBODY, scoring.NOBODY).streams
    heard = replace(heard, uuid=calluuid.new(call.started_at + timedelta(seconds=2)))
    part = ReceiverPart(known=False, invited_at=call.started_at + timedelta(seconds=2), code=None, stream=heard)
    return replace(part, **changes)


def test_a_call_is_put_together_from_what_two_hosts_know(server: Database, records: Records):
    call = a_call(NOW)
    other_time = a_call(NOW - timedelta(seconds=60))
    refused = a_call(NOW + timedelta(milliseconds=1500), disposition="busy", answered_at=None)
    part = what_was_heard(call)
    with closing(odbc.connect(server)) as connection:
        assert not joining.store(connection, part, KEY), "the dialer's host has not written its record yet"
        odbc.insert(connection, [Cdr(found, ()) for found in (other_time, call, refused)])
        assert joining.store(connection, part, KEY)
        assert joining.store(connection, part, KEY), "stored already: it may be told again"
        assert not joining.store(connection, what_was_heard(call, code="no code of ours"), KEY)
    rows = records.all("SELECT uuid, started_at, direction, sip_host FROM voice_call_stream WHERE client = %s")
    assert rows == [(call.uuid.bytes, NOW.replace(tzinfo=None), "forward", "receivers-host")]


def test_the_plan_is_read_as_it_was_published(connection: pyodbc.Connection, records: Records):
    published = plan_row("p", "sip:c@d", dtmf='[{"after_ms": 3000, "digits": "1é"}]', codecs='["opus", "PCMA"]')
    records.plan(published)
    (row,) = plandb.read_plan(connection)
    assert json.loads(str(row["dtmf"])) == [{"after_ms": 3000, "digits": "1é"}]
    assert json.loads(str(row["codecs"])) == ["opus", "PCMA"]
    others = (row.keys() & published.keys()) - {"dtmf", "codecs"}
    assert {column: row[column] for column in others} == {column: published[column] for column in others}


def heartbeat(host: Host, **changes: Any) -> dict[str, Any]:
    return {
        "sip_host": host.name, "version": "1", "started_at": odbc.utc_text(NOW), "active_calls": 0, "spool_depth": 0,
        "parties": ",".join(host.parties), "clients": ",".join(host.clients), "instance": host.name,
        "clock_offset_ms": None,
    } | changes  # fmt: skip


def test_a_call_that_had_ended_is_not_the_one_that_arrives_now(server: Database, records: Records):
    """Its own receiver's part may be missing for ever; the call that arrives now may come to the database later."""
    over = a_call(NOW, ended_at=NOW + timedelta(seconds=3))
    late = what_was_heard(over, invited_at=NOW + timedelta(seconds=20))
    with closing(odbc.connect(server)) as connection:
        odbc.insert(connection, [Cdr(over, ())])
        assert not joining.store(connection, late, KEY)
        assert joining.store(connection, replace(late, invited_at=NOW + timedelta(seconds=2)), KEY)


def test_what_the_receivers_host_spoilt_does_not_count(server: Database, records: Records):
    call = a_call(NOW, sip_reason="OK")
    both = scoring.complete(call, scoring.NOBODY, scoring.NOBODY)
    reverse = tuple(stream for stream in both.streams if stream.direction == "reverse")
    part = what_was_heard(call, problem="receivers-host: it stopped in mid-call")
    with closing(odbc.connect(server)) as connection:
        odbc.insert(connection, [Cdr(call, reverse)])
        assert joining.store(connection, part, KEY)
        assert joining.store(connection, part, KEY), "told again"
    assert records.all("SELECT valid, sip_reason FROM voice_call WHERE client = %s") == [
        (0, "OK; receivers-host: it stopped in mid-call")
    ]
    streams = "SELECT direction, valid FROM voice_call_stream WHERE client = %s ORDER BY direction"
    assert records.all(streams) == [("forward", 1), ("reverse", 0)]


@pytest.fixture
def hosts(connection: pyodbc.Connection, own_database: Any) -> Iterator[tuple[Host, Host]]:
    made = (Host("lease-1", ("dialer", "receiver")), Host("lease-2", ("dialer",), ("acme", CLIENT)))
    for host in made:
        assert plandb.beat(connection, heartbeat(host))
    yield made
    with closing(own_database.connect("admin")) as admin, admin.cursor() as cursor:
        cursor.execute("DELETE FROM voice_probe_lease WHERE client = %s", (CLIENT,))
        cursor.execute("DELETE FROM voice_sip_host WHERE sip_host LIKE 'lease-%'")


def test_a_lease_has_one_holder_until_it_is_given_back(connection: pyodbc.Connection, hosts: tuple[Host, Host]):
    first, second = (host.name for host in hosts)
    leases = frozenset(Lease(CLIENT, f"p{number}", "dialer") for number in range(450))
    some = frozenset(lease for lease in leases if lease.probe.endswith("7"))
    plandb.exchange(connection, first, take=leases, give=())
    plandb.exchange(connection, second, take=leases, give=())
    assert (plandb.held(connection, first), plandb.held(connection, second)) == (leases, frozenset())
    plandb.exchange(connection, first, take=(), give=some)
    plandb.exchange(connection, second, take=leases, give=())
    assert (plandb.held(connection, first), plandb.held(connection, second)) == (leases - some, some)
    assert plandb.renew(connection, first) == len(leases - some)


def test_who_is_alive_and_what_it_may_hold_is_in_the_heartbeats(
    connection: pyodbc.Connection, hosts: tuple[Host, Host]
):
    def alive() -> list[Host]:
        return [host for host in plandb.live_hosts(connection) if host.name.startswith("lease-")]

    assert alive() == list(hosts)
    plandb.release_all(connection, "lease-1")
    assert alive() == [hosts[1]]


def test_a_name_belongs_to_one_process_for_as_long_as_it_lives(
    connection: pyodbc.Connection, hosts: tuple[Host, Host], records: Records
):
    host, _ = hosts
    query = "SELECT instance, active_calls FROM voice_sip_host WHERE sip_host = 'lease-1' AND %s <> ''"
    assert not plandb.beat(connection, heartbeat(host, instance="other", active_calls=7))
    assert records.all(query) == [("lease-1", 0)], "nothing of it was written"
    assert plandb.beat(connection, heartbeat(host, active_calls=1))
    assert plandb.beat(connection, heartbeat(host, instance="after it"), follows="lease-1"), "it was started anew"
    assert not plandb.beat(connection, heartbeat(host)), "a copy of the machine, still running"
    plandb.release_all(connection, host.name)
    assert plandb.beat(connection, heartbeat(host, instance="other", active_calls=9)), "the one before was stopped"
    records.all("UPDATE voice_sip_host SET heartbeat_at = heartbeat_at - INTERVAL 9 SECOND WHERE %s <> ''")
    assert plandb.beat(connection, heartbeat(host, instance="third", active_calls=3)), "the one before is dead"
    assert records.all(query) == [("third", 3)]


@pytest.mark.parametrize("offset_ms", [-1e12, 1e12, 0.5])
def test_a_clock_that_is_years_off_costs_no_heartbeat(
    connection: pyodbc.Connection, hosts: tuple[Host, Host], offset_ms: float
):
    assert plandb.beat(connection, heartbeat(hosts[0], clock_offset_ms=number("clock_offset_ms", offset_ms)))


def test_a_lease_tells_since_when_its_probe_is_not_called(
    connection: pyodbc.Connection, hosts: tuple[Host, Host], records: Records
):
    first, second = (host.name for host in hosts)
    given, kept, old = (Lease(CLIENT, name, "dialer") for name in ("given", "kept", "old"))
    plandb.exchange(connection, first, take=(given, kept, old), give=())
    plandb.exchange(connection, first, take=(), give=(given,), left_s=1.5)
    plandb.exchange(connection, first, take=(), give=(old,), left_s=4000)
    free = {lease: since for lease, since in plandb.free_for(connection).items() if lease.client == CLIENT}
    assert set(free) == {given}
    assert 1.5 <= free[given] < 3
    plandb.exchange(connection, second, take=(given, kept), give=())
    assert plandb.held(connection, second) == {given}
    plandb.forget_leases(connection)
    rows = records.all("SELECT probe FROM voice_probe_lease WHERE client = %s ORDER BY probe")
    assert rows == [("given",), ("kept",)], "what nobody took for an hour is gone"


def test_the_clocks_are_compared(connection: pyodbc.Connection):
    assert abs(plandb.clock_offset_ms(connection)) < 100, "both clocks are this machine's"


# 6,248 is a length that the driver refused when it was sent in pieces; others of these came out twice as long.
@pytest.mark.parametrize("length", [1, 3999, 4001, 5763, 6248, 8000, 16_384, 70_000, 500_000])
@pytest.mark.parametrize("letter", ["x", "é", "語"])
def test_a_ladder_of_any_length_arrives_as_it_is(server: Database, records: Records, length: int, letter: str):
    call = a_call(NOW)
    text = "".join(chr(ord(letter) + number % 20) for number in range(length))
    ladder = LadderRecord(
        uuid=call.uuid, leg="dialer", started_at=call.started_at, client=CLIENT, probe="p", messages=text
    )
    with closing(odbc.connect(server)) as connection:
        odbc.insert(connection, [Cdr(call, (), ladders=(ladder,))])
    ((kept,),) = records.all("SELECT messages FROM voice_call_ladder WHERE client = %s")
    assert kept == text


@pytest.mark.parametrize("confirm", [False, True], ids=["by its number", "by its code"])
def test_a_call_that_two_legs_came_for_does_not_count_whatever_became_of_it(
    server: Database, records: Records, *, confirm: bool
):
    """One of them got 486, which the path may have made anything of. Where the call's code was heard, it decided."""
    refused = a_call(
        NOW, disposition="busy", answered_at=None, sip_reason="Busy Here", ended_at=NOW + timedelta(seconds=3)
    )
    answered = a_call(NOW + timedelta(milliseconds=500), ended_at=NOW + timedelta(seconds=9))
    before = a_call(NOW - timedelta(seconds=60), ended_at=NOW - timedelta(seconds=50))
    elsewhere = a_call(NOW, probe="another", ended_at=NOW + timedelta(seconds=9))
    told = replace(
        what_was_heard(answered), contested=True, problem="receivers-host: two came", code="?" if confirm else None
    )
    with closing(odbc.connect(server)) as connection:
        assert not joining.store(connection, told, KEY), "the dialer's host has not written its record yet"
        odbc.insert(connection, [Cdr(call, ()) for call in (refused, answered, before, elsewhere)])
        code = KEY.code(answered.uuid, CLIENT, "p") if confirm else None
        assert joining.store(connection, what_was_heard(answered, code=code), KEY)
        assert joining.store(connection, told, KEY)
        assert joining.store(connection, told, KEY), "told again"
    query = "SELECT uuid, CONCAT(valid, ' ', COALESCE(sip_reason, '')) FROM voice_call WHERE client = %s"
    rows = dict(records.all(query))
    assert rows[refused.uuid.bytes] == "0 Busy Here; receivers-host: two came"
    assert rows[answered.uuid.bytes] == ("1 " if confirm else "0 receivers-host: two came")
    assert rows[before.uuid.bytes] == rows[elsewhere.uuid.bytes] == "1 "


def test_a_code_of_another_hosts_call_is_known_with_the_shared_key_alone(server: Database, records: Records):
    call = a_call(NOW)
    part = what_was_heard(call, code=KEY.code(call.uuid, CLIENT, "p"))
    with closing(odbc.connect(server)) as connection:
        odbc.insert(connection, [Cdr(call, ())])
        assert not joining.store(connection, part, CallKey(b"another key"))
        assert not joining.store(connection, replace(part, code=f"{call.uuid.int % 10**4:04d}"), KEY), "as it was"
        assert joining.store(connection, part, KEY)
