"""Call records: their columns, their way through the spool, and what a failing database does to them."""

import math
import re
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pyodbc
import pytest

from voice_portal.cdr.migrations import _ddl_0001 as schema
from voice_portal.cdr.migrations._ddl_0003 import VOICE_CALL_RECORDING
from voice_sipapp.backoff import Backoff
from voice_sipapp.measurement import scoring
from voice_sipapp.records import cdr as cdr_module
from voice_sipapp.records import joining, odbc, writer
from voice_sipapp.records import spool as spool_module
from voice_sipapp.records.callkey import CallKey
from voice_sipapp.records.cdr import (
    CALL_COLUMNS,
    DISPOSITIONS,
    INTERVAL_COLUMNS,
    LADDER_COLUMNS,
    STREAM_COLUMNS,
    CallRecord,
    Cdr,
    IntervalRecord,
    ReceiverPart,
    StreamRecord,
    parameters,
)
from voice_sipapp.records.joining import Candidate
from voice_sipapp.records.keeper import Keeper
from voice_sipapp.records.recordings import RECORDING_COLUMNS
from voice_sipapp.records.spool import Spool, SpoolInUseError, owned
from voice_sipapp.settings import Database
from voice_sipapp.signalling.outcome import Ending, disposition, hangup_by, q850, sip_code

KEY = CallKey(b"the key of all SIP hosts of this provider")
STARTED = datetime(2026, 11, 23, 5, 40, 1, 123_987, UTC)


def cdr(**changes: object) -> Cdr:
    """The record of a call that was refused."""
    call = {
        "uuid": uuid4(), "started_at": STARTED, "client": "acme", "probe": "sales", "generation": 1, "sip_host": "h",
        "from_uri": "sip:a@b", "to_uri": "sip:c@d", "ended_at": STARTED, "disposition": "busy", "audio": "speech-en",
        "audio_sha256": bytes(range(32)),
    }  # fmt: skip
    return scoring.complete(CallRecord(**{**call, **changes}), scoring.NOBODY, scoring.NOBODY)  # type: ignore[arg-type]


def columns(ddl: str) -> list[str]:
    """Names of the columns of a CREATE TABLE statement, in order."""
    return re.findall(r"(?m)^  ([a-z0-9_]+) ", ddl)


def test_records_have_exactly_the_columns_of_their_tables():
    assert list(CALL_COLUMNS) == columns(schema.VOICE_CALL)
    assert list(STREAM_COLUMNS) == columns(schema.VOICE_CALL_STREAM)
    assert list(INTERVAL_COLUMNS) == columns(schema.VOICE_CALL_INTERVAL)
    assert list(LADDER_COLUMNS) == columns(schema.VOICE_CALL_LADDER)
    assert list(RECORDING_COLUMNS) == columns(VOICE_CALL_RECORDING)


TABLES = schema.VOICE_CALL + schema.VOICE_CALL_STREAM + schema.VOICE_CALL_INTERVAL + schema.VOICE_CALL_LADDER


def test_texts_are_cut_to_what_their_columns_hold():
    """But for the names that identify a record: cut, they would be another's; who sets them keeps to the width."""
    widths = {name: int(width) for name, width in re.findall(r"(?m)^  (\w+) +VARCHAR\((\d+)\)", TABLES)}
    assert {name: widths.pop(name) for name in ("client", "probe", "sip_host")} == {
        "client": 63, "probe": 63, "sip_host": 63
    }  # fmt: skip
    assert widths == cdr_module._WIDTHS


def test_numbers_are_rounded_to_what_their_columns_hold():
    found = re.findall(r"(?m)^  (\w+) +DECIMAL\((\d),(\d)\)", TABLES + schema.VOICE_SIP_HOST)
    assert {name: (int(digits), int(scale)) for name, digits, scale in found} == cdr_module._DECIMALS


HOLDS = {
    "TINYINT UNSIGNED": (0, 2**8 - 1), "SMALLINT UNSIGNED": (0, 2**16 - 1), "INT UNSIGNED": (0, 2**32 - 1),
    "INT": (-(2**31), 2**31 - 1), "BIGINT UNSIGNED": (0, 2**64 - 1), "BIGINT": (-(2**63), 2**63 - 1),
}  # fmt: skip


@pytest.mark.parametrize("value", [-(10**30), -1, 255, 70_000, 2**31, 10**30, -1e30, 1e30, float("nan"), float("inf")])
def test_whatever_a_far_end_makes_us_measure_fits_into_its_column(value: float):
    """One value that does not fit would cost the whole record."""
    tables = {
        schema.VOICE_CALL: CallRecord, schema.VOICE_CALL_STREAM: StreamRecord,
        schema.VOICE_CALL_INTERVAL: IntervalRecord,
    }  # fmt: skip
    for ddl, kind in tables.items():
        kinds = dict(re.findall(r"(?m)^  (\w+) +((?:TINY|SMALL|BIG)?INT(?: UNSIGNED)?)", ddl))
        places = {name: (int(d), int(s)) for name, d, s in re.findall(r"(?m)^  (\w+) +DECIMAL\((\d),(\d)\)", ddl)}
        most = cdr_module._SMALL if kind is IntervalRecord else cdr_module._LARGE
        for name, type_ in kinds.items():
            stored = cdr_module.number(name, int(value) if abs(value) < 10**31 else value, most)
            low, high = HOLDS[type_]
            assert stored is None or low <= stored <= high, name  # type: ignore[operator]
        for name, (digits, scale) in places.items():
            stored = cdr_module.number(name, value)
            assert stored is None or abs(stored) < 10 ** (digits - scale), name  # type: ignore[arg-type]
            assert stored is None or math.isfinite(value), "not a number: not measured"


def test_half_a_character_costs_no_record():
    record = cdr(sip_reason="Besetzt \ud83d")
    values = dict(zip(CALL_COLUMNS, parameters(Cdr.from_json(record.to_json()).call), strict=True))
    assert values["sip_reason"] == "Besetzt ?"


@pytest.mark.parametrize(("column", "value", "stored"), [
    ("sip_code", 486, 486), ("sip_code", 99_999, None), ("first_rtp_ms", 2 * 10**12, 2**31 - 1),
    ("generation", 2**40, 2**40),
])  # fmt: skip
def test_a_strange_number_does_not_cost_the_record(column: str, value: int, stored: int | None):
    record = cdr(**{column: value})
    assert dict(zip(CALL_COLUMNS, parameters(record.call), strict=True))[column] == stored


@pytest.mark.parametrize(
    ("header", "cause"),
    [
        ("Q.850;cause=16", 16),
        ('q.850 ; cause = 31 ;text="x"', 31),
        ("Q.850;cause=70000", None),
        ("Q.850;cause=0", None),
        ("Q.850;cause=128", None),
        ("SIP;cause=200", None),
        ("", None),
        ("SIP;cause=200, Q.850;cause=17", 17),
    ],
)
def test_a_cause_is_one_of_q850(header: str, cause: int | None):
    assert q850([header]) == cause


def test_dispositions_are_those_of_the_table():
    enum = re.search(r"disposition +ENUM\((.*?)\)", schema.VOICE_CALL)
    assert enum is not None
    assert tuple(enum[1].replace("'", "").split(",")) == DISPOSITIONS


def test_a_record_survives_its_way_through_text():
    record = cdr(progress_at=STARTED + timedelta(seconds=1), sip_reason="Besetzt ☎")
    assert Cdr.from_json(record.to_json()) == record


def test_values_reach_the_driver_as_the_database_wants_them():
    record = cdr(uuid=UUID(int=5), sip_reason="x" * 300, valid=False)
    values = dict(zip(CALL_COLUMNS, parameters(record.call), strict=True))
    assert values["uuid"] == UUID(int=5).bytes
    assert values["started_at"] == "2026-11-23 05:40:01.123"
    assert (values["valid"], values["srtp"]) == (0, 0)
    assert values["sip_reason"] == "x" * 255


def test_numbers_beyond_their_columns_are_limited():
    stream = StreamRecord(
        sip_host="bench",
        uuid=uuid4(),
        direction="forward",
        started_at=STARTED,
        client="a",
        probe="b",
        jitter_max_ms=9e9,
        mos_cq=4.36549,
    )
    values = dict(zip(STREAM_COLUMNS, parameters(stream), strict=True))
    assert (values["jitter_max_ms"], values["mos_cq"]) == (999_999.999, 4.365)


@pytest.mark.parametrize(
    ("ending", "what", "by", "code"),
    [
        (Ending(200, answered=True, rang=True, hangup_by="local"), "answered", "local", 200),
        (Ending(200, answered=True, hangup_by="remote"), "answered", "remote", 200),
        (Ending(486, answered=False), "busy", "none", 486),
        (Ending(600, answered=False), "busy", "none", 600),
        (Ending(480, answered=False), "no_answer", "none", 480),
        (Ending(None, answered=False, rang=True, cancelled=True), "no_answer", "timeout", 487),
        (Ending(None, answered=False, cancelled=True), "timeout", "timeout", 408),
        (Ending(408, answered=False), "timeout", "timeout", 408),
        (Ending(0, answered=False), "timeout", "timeout", 408),
        (Ending(302, answered=False), "failed", "none", 302),
        (Ending(487, answered=False), "failed", "none", 487),
        (Ending(503, answered=False), "failed", "none", 503),
        (Ending(200, answered=True, unusable=True, hangup_by="local"), "failed", "local", 200),
        (Ending(None, answered=False, unusable=True), "failed", "none", None),
        (Ending(200, answered=True, stopped=True), "interrupted", "local", 200),
    ],
)
def test_how_a_call_ended_decides_what_it_is_called(ending: Ending, what: str, by: str, code: int | None):
    assert (disposition(ending), hangup_by(ending), sip_code(ending)) == (what, by, code)


def test_a_refused_call_has_empty_streams_that_are_not_one_way():
    forward, reverse = cdr().streams
    assert (forward.direction, reverse.direction) == ("forward", "reverse")
    assert (forward.one_way, forward.mos_cq, forward.rtp_rx, forward.valid) == (False, None, 0, True)


def test_an_answered_call_without_media_is_one_way_and_has_no_mos():
    heard_nothing = scoring.Party(codec="PCMA", sent=300)
    record = scoring.complete(cdr(disposition="answered").call, heard_nothing, heard_nothing)
    assert [stream.one_way for stream in record.streams] == [True, True]
    assert [stream.mos_cq for stream in record.streams] == [None, None]


def test_a_starved_sender_spoils_its_direction_and_the_call():
    late = scoring.Party(codec="PCMA", sent=300, lag_ms=20.1)
    record = scoring.complete(cdr(disposition="answered").call, late, scoring.NOBODY)
    assert [stream.valid for stream in record.streams] == [False, True]
    assert (record.call.valid, record.call.probe_lag_ms) == (False, 20.1)


def test_packets_that_this_host_could_not_send_are_not_blamed_on_the_path():
    failing = scoring.Party(codec="PCMA", sent=90, not_sent=210, send_problem="Network is unreachable")
    whole = scoring.Party(codec="PCMA", sent=300)
    record = scoring.complete(cdr(disposition="answered", sip_reason="OK").call, failing, whole)
    assert [(stream.rtp_tx, stream.valid) for stream in record.streams] == [(90, False), (300, True)]
    assert not record.call.valid
    assert record.call.sip_reason == "OK; this host's dialer could not send 210 packets: Network is unreachable"


@pytest.mark.parametrize(("step_ms", "valid"), [(4.9, True), (5.1, False)])
def test_a_clock_that_was_set_during_the_call_is_not_blamed_on_the_path(step_ms: float, valid: bool):
    party = scoring.Party(codec="PCMA", sent=300, clock_step_ms=step_ms)
    record = scoring.complete(cdr(disposition="answered").call, party, party)
    assert [stream.valid for stream in record.streams] == [valid, valid]
    assert (record.call.valid, "clock was set by 5 ms" in (record.call.sip_reason or "")) == (valid, not valid)


def test_the_spool_keeps_records_across_a_restart(tmp_path: Path):
    records = [cdr() for _ in range(3)]
    first = Spool(tmp_path / "spool")
    for record in [*records, records[0]]:
        first.put(record)
    first.close()
    second = Spool(tmp_path / "spool")
    taken = second.take(10)
    assert [Cdr.from_json(body) for _, body in taken] == records
    second.done([taken[0][0]])
    second.bury(taken[1][0], "too odd")
    assert (second.depth(), second.dead()) == (1, 1)
    second.close()


def test_a_call_that_never_ended_becomes_a_record_at_the_next_start(tmp_path: Path):
    ended, cut_off = cdr(disposition="answered"), cdr(disposition="interrupted", valid=False)
    first = Spool(tmp_path / "spool")
    for record in (ended, cut_off):
        first.begin(replace(record.call, disposition="interrupted", valid=False))
    first.put(ended)
    first.close()
    second = Spool(tmp_path / "spool")
    assert [Cdr.from_json(body).call for _, body in second.take(10)] == [ended.call]
    assert second.recover() == 1
    assert [Cdr.from_json(body).call for _, body in second.take(10)] == [ended.call, cut_off.call]
    assert second.recover() == 0
    second.close()


def a_part(**changes: Any) -> ReceiverPart:
    """What a receiver heard of a call of another host."""
    (stream, _) = cdr(disposition="answered").streams
    return ReceiverPart(**{"known": False, "invited_at": STARTED, "code": None, "stream": stream} | changes)


def test_receivers_parts_wait_apart_from_records(tmp_path: Path):
    spool = Spool(tmp_path / "spool")
    parts = [a_part() for _ in range(3)]
    for part in [*parts, parts[0]]:
        spool.put(part)
    assert (spool.take(10), spool.depth()) == ([], 3)
    numbered = spool.parts(0, 10)
    assert [ReceiverPart.from_json(body) for _, body in numbered] == parts
    assert spool.parts(numbered[0][0], 1) == [numbered[1]]
    spool.part_done(numbered[0][0])
    spool.bury_part(numbered[1][0], "no call")
    assert (spool.depth(), spool.dead()) == (1, 1)
    spool.close()


def test_parts_that_are_only_presumed_to_be_of_calls_cannot_fill_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """The oldest go first; what is proven, and records, stay."""
    monkeypatch.setattr(spool_module, "MOST_PRESUMED", 3)
    spool = Spool(tmp_path / "spool")
    proven = [a_part(known=True) for _ in range(5)]
    presumed = [a_part(known=False) for _ in range(6)]
    for part in (*proven, *presumed):
        spool.put(part)
    spool.put(cdr())
    kept = [ReceiverPart.from_json(body) for _, body in spool.parts(0, 99)]
    assert (kept, len(spool.take(99)), spool.presumed_dropped) == ([*proven, *presumed[3:]], 1, 3)
    assert "the oldest receiver's part that no call has claimed was dropped: 3 wait" in caplog.text
    spool.close()


def test_a_part_that_never_ended_is_told_at_the_next_start(tmp_path: Path):
    first = Spool(tmp_path / "spool")
    ended, cut_off, strangers = (a_part(problem="stopped in mid-call") for _ in range(3))
    for part in (ended, cut_off, strangers):
        first.begin(part)
    first.put(replace(ended, problem=None))
    first.forget_part(strangers.stream.uuid)
    first.close()
    second = Spool(tmp_path / "spool")
    assert second.recover() == 1
    assert [ReceiverPart.from_json(body) for _, body in second.parts(0, 9)] == [replace(ended, problem=None), cut_off]
    assert second.recover() == 0
    second.close()


def test_a_record_that_can_t_be_written_down_stands_in_no_others_way(caplog: pytest.LogCaptureFixture):
    """Such as one with a number of another library's kind."""
    kept: list[Cdr] = []

    def put(record: Cdr) -> None:
        if record.call.probe == "odd":
            raise TypeError("float32 can't be part of a call record")
        kept.append(record)

    good, odd = [cdr() for _ in range(2)], cdr(probe="odd")
    keeper = Keeper(put)  # type: ignore[arg-type]
    for record in (good[0], odd, good[1]):
        keeper.keep(record)
    assert (kept, keeper.waiting) == (good, 0)
    assert str(odd.call.uuid) in caplog.text


def candidate(part: ReceiverPart, seconds: float = -1, **changes: Any) -> Candidate:
    started = part.invited_at + timedelta(seconds=seconds)
    return Candidate(**{"uuid": uuid4(), "started_at": started, "heard_by": None, "rtp_rx": None} | changes)


def test_a_receivers_part_goes_to_the_call_that_started_closest_before():
    part = a_part()
    far, near = candidate(part, -20), candidate(part, -2)
    assert joining.choose(part, [far, near], KEY) == near
    assert joining.choose(part, [], KEY) is None


def test_a_call_that_was_heard_by_another_host_is_not_the_one():
    part = a_part()
    heard = candidate(part, -1, heard_by="elsewhere", rtp_rx=0)
    free = candidate(part, -9)
    assert joining.choose(part, [heard, free], KEY) == free
    again = candidate(part, -1, heard_by=part.stream.sip_host, rtp_rx=part.stream.rtp_rx)
    assert joining.choose(part, [again, free], KEY) == again, "it is stored already"


def test_a_code_or_an_identity_that_was_received_decides():
    part = a_part()
    calls = [candidate(part, -seconds, uuid=UUID(int=seconds)) for seconds in range(1, 9)]
    by_code = replace(part, code=KEY.code(calls[4].uuid, part.stream.client, part.stream.probe))
    assert joining.choose(by_code, calls, KEY) == calls[4]
    other = CallKey(b"another key, of which this host knows nothing")
    assert joining.choose(by_code, calls, other) is None, "no other host's calls, without the key they share"
    assert joining.choose(replace(part, code="99x9"), calls, KEY) is None
    known = replace(part, known=True, stream=replace(part.stream, uuid=calls[6].uuid))
    assert joining.choose(known, calls, KEY) == calls[6]
    assert joining.choose(replace(known, stream=part.stream), calls, KEY) is None


@pytest.mark.parametrize("broken", [False, True])
def test_a_spool_belongs_to_one_process(tmp_path: Path, broken: bool):
    """A second one would take the calls that the first has up for interrupted ones."""
    first = owned(tmp_path / "spool", 0)
    first.begin(cdr().call)
    with pytest.raises(SpoolInUseError, match=re.escape(f"runs with the spool {tmp_path / 'spool'}: stop it, or set")):
        owned(tmp_path / "spool", 0)
    if broken:
        (tmp_path / "spool").write_bytes(b"rubbish" * 1000)
        with pytest.raises(SpoolInUseError):
            owned(tmp_path / "spool", 0)
        assert list(tmp_path.glob("*broken*")) == [], "it is the first one's to put aside"
        first.close()
        return
    looking = Spool(tmp_path / "spool")  # as the command `check` does
    assert looking.depth() == 0
    looking.close()
    first.close()
    second = owned(tmp_path / "spool", 0)
    assert second.recover() == 1
    second.close()


@pytest.mark.parametrize("damage", ["no database", "torn pages", "cut short"])
def test_a_broken_spool_is_put_aside_whole_and_calls_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
):
    path = tmp_path / "spool"
    spool = Spool(path)
    for _ in range(50):
        spool.put(cdr(sip_reason="x" * 500))
    spool.close()
    content = bytearray(path.read_bytes())
    if damage == "no database":
        content = bytearray(b"\x00" * 8192 + b"rubbish")
    elif damage == "torn pages":
        content[8192 : len(content) // 2] = b"\xff" * (len(content) // 2 - 8192)
    else:
        del content[len(content) // 2 :]
    path.write_bytes(content)
    spool = owned(path, 0)
    record = cdr()
    spool.put(record)
    assert [Cdr.from_json(body) for _, body in spool.take(9)] == [record]
    spool.close()
    (aside,) = tmp_path.glob("spool.broken-*")
    assert aside.read_bytes()[100:] == bytes(content)[100:], "but for the counters of its header"
    assert "put aside" in caplog.text


def test_what_an_outage_piled_up_is_the_disks_again(tmp_path: Path):
    path = tmp_path / "spool"
    spool = Spool(path)
    for _ in range(300):
        spool.put(cdr(sip_reason="x" * 5000))
    spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    large = path.stat().st_size
    while waiting := spool.take(50):
        spool.done([number for number, _ in waiting])
    spool.close()
    assert path.stat().st_size < large / 10


@pytest.mark.parametrize(
    ("there", "known", "left", "dead"), [(True, True, 0, 0), (False, True, 2, 1), (False, False, 2, 0)]
)
def test_a_receivers_part_waits_for_its_call_a_day(
    tmp_path: Path,
    fake: "FakeDatabase",
    monkeypatch: pytest.MonkeyPatch,
    *,
    there: bool,
    known: bool,
    left: int,
    dead: int,
):
    """Then it is put aside for a person; or dropped, if it was only presumed to be of a call of ours."""
    monkeypatch.setattr(joining, "store", lambda *_: there)
    spool = Spool(tmp_path / "spool")
    now = datetime.now(UTC)
    for age in (timedelta(hours=25), timedelta(hours=23), timedelta(0)):
        spool.put(a_part(invited_at=now - age, known=known))
    spool._db.execute("INSERT INTO parts (uuid, body) VALUES ('x', '{}')")
    assert writer.Writer(spool, DATABASE).drain()
    assert (spool.depth(), spool.dead()) == (left, dead + 1)
    spool.close()


def test_a_schema_that_does_not_fit_is_shouted_and_costs_no_record(
    tmp_path: Path, fake: "FakeDatabase", caplog: pytest.LogCaptureFixture
):
    spool = Spool(tmp_path / "spool")
    record = cdr()
    spool.put(record)
    fake.errors[record.call.uuid] = pyodbc.ProgrammingError("42S22", "Unknown column 'redirects' (1054)")
    assert not writer.Writer(spool, DATABASE).drain()
    assert [entry.levelname for entry in caplog.records] == ["ERROR"]
    assert "migrated" in caplog.text
    assert (spool.depth(), spool.dead()) == (1, 0)
    spool.close()


def test_a_full_disk_leaves_the_spool_usable(tmp_path: Path):
    spool = Spool(tmp_path / "spool")
    spool.put(cdr())
    (number, _), *_ = spool.take(1)
    spool._db.execute("CREATE TRIGGER full BEFORE DELETE ON waiting BEGIN SELECT RAISE(FAIL, 'disk is full'); END")
    for action in (lambda: spool.done([number]), lambda: spool.bury(number, "odd")):
        with pytest.raises(sqlite3.Error, match="full"):
            action()
    spool._db.execute("DROP TRIGGER full")
    spool.bury(number, "odd")
    assert (spool.depth(), spool.dead()) == (0, 1)
    spool.close()


def test_a_record_that_the_disk_refuses_is_kept_and_tried_again(caplog: pytest.LogCaptureFixture):
    kept: list[Cdr] = []
    full = True

    def put(record: Cdr) -> None:
        if full:
            raise sqlite3.OperationalError("database or disk is full")
        kept.append(record)

    records = [cdr() for _ in range(3)]
    keeper = Keeper(put)
    for record in records[:2]:
        keeper.keep(record)
    assert (keeper.waiting, kept) == (2, [])
    keeper.give_up()
    assert records[1].call.uuid.hex in caplog.text
    full = False
    keeper.keep(records[2])
    assert (keeper.waiting, kept) == (0, records)


def test_the_writer_survives_a_full_disk(tmp_path: Path, fake: "FakeDatabase"):
    spool = Spool(tmp_path / "spool")
    record = cdr()
    spool.put(record)
    spool._db.execute("CREATE TRIGGER full BEFORE DELETE ON waiting BEGIN SELECT RAISE(FAIL, 'disk is full'); END")
    carrier = writer.Writer(spool, DATABASE)
    assert not carrier.drain()
    spool._db.execute("DROP TRIGGER full")
    assert carrier.drain()
    assert (spool.depth(), set(fake.rows)) == (0, {record.call.uuid})
    spool.close()


@pytest.mark.parametrize("path", ["absent/spool", "."])
def test_a_spool_that_can_not_be_is_told_with_its_path(tmp_path: Path, path: str):
    with pytest.raises((OSError, sqlite3.Error), match=f"the spool {tmp_path / path} can't be"):
        Spool(tmp_path / path)


@pytest.mark.parametrize(
    ("state", "message", "at_fault"),
    [
        ("22001", "Data too long for column 'codec' at row 1 (1406) (SQLExecDirectW)", True),
        ("22003", "Out of range value (1264)", True),
        ("23000", "Column 'client' cannot be null (1048)", True),
        ("HY000", "Incorrect string value (1366)", True),
        ("42S02", "Table 'voice.voice_call' doesn't exist (1146)", False),
        ("42S22", "Unknown column 'valid' (1054)", False),
        ("42000", "INSERT command denied to user (1142)", False),
        ("42000", "You have an error in your SQL syntax (1064)", False),
        ("42000", "User voice_sip already has more than 'max_user_connections' (1203)", False),
        ("42000", "User has exceeded the 'max_questions' resource (1226)", False),
        ("42000", "Unknown database 'voice' (1049)", False),
        ("28000", "Access denied for user (1045)", False),
        ("HY000", "Can't connect to server (115) (2002)", False),
        ("08S01", "Server has gone away (2006)", False),
        ("40001", "Deadlock found (1213)", False),
    ],
)
def test_only_errors_of_the_row_itself_are_its_fault(state: str, message: str, at_fault: bool):
    assert odbc.row_at_fault(pyodbc.Error(state, message)) is at_fault


DATABASE = Database(host="::1", port=3306, name="voice", user="voice_sip", password="p;w}{", tls_ca="/ca.pem")


def test_the_connection_string_escapes_what_would_break_it():
    text = odbc.connection_string(DATABASE)
    assert "PWD={p;w}}{};" in text
    assert "SERVER={::1};" in text
    assert "FORCETLS={1};" in text


def test_the_password_is_not_part_of_what_is_logged():
    assert "p;w" not in repr(DATABASE)


class FakeDatabase:
    """Stands for the database behind `odbc.insert`: refuses what `errors` says."""

    def __init__(self) -> None:
        self.errors: dict[UUID, Exception] = {}
        self.rows: list[UUID] = []
        self.most_at_once = 1000

    def rollback(self) -> None:
        """Nothing to undo: `insert` checks before it stores."""

    def close(self) -> None:
        """Nothing to close."""

    def insert(self, _: object, cdrs: list[Cdr]) -> None:
        if len(cdrs) > self.most_at_once:
            raise pyodbc.OperationalError("08S01", "Server has gone away (2006)")
        for record in cdrs:
            if record.call.uuid in self.errors:
                raise self.errors[record.call.uuid]
        self.rows += [record.call.uuid for record in cdrs]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeDatabase:
    database = FakeDatabase()
    monkeypatch.setattr(odbc, "connect", lambda _: database)
    monkeypatch.setattr(odbc, "insert", database.insert)
    return database


def test_a_poisonous_record_is_put_aside_and_the_others_go_on(tmp_path: Path, fake: FakeDatabase):
    spool = Spool(tmp_path / "spool")
    records = [cdr() for _ in range(5)]
    fake.errors[records[2].call.uuid] = pyodbc.DataError("22001", "Data too long (1406)")
    for record in records:
        spool.put(record)
    assert writer.Writer(spool, DATABASE).drain()
    assert fake.rows == [records[at].call.uuid for at in (0, 1, 3, 4)]
    assert (spool.depth(), spool.dead()) == (0, 1)
    spool.close()


def test_an_unreadable_record_is_put_aside(tmp_path: Path, fake: FakeDatabase):
    spool = Spool(tmp_path / "spool")
    record = cdr()
    spool.put(record)
    spool._db.execute("INSERT INTO waiting (uuid, body) VALUES ('x', '{}')")
    assert writer.Writer(spool, DATABASE).drain()
    assert (fake.rows, spool.dead()) == ([record.call.uuid], 1)
    spool.close()


@pytest.mark.parametrize("error", [UnicodeEncodeError("utf-16", "x", 0, 1, "surrogates"), OverflowError("too big")])
def test_a_record_that_the_driver_can_t_hand_on_stops_no_other(tmp_path: Path, fake: FakeDatabase, error: Exception):
    spool = Spool(tmp_path / "spool")
    records = [cdr() for _ in range(3)]
    fake.errors[records[1].call.uuid] = error
    for record in records:
        spool.put(record)
    assert writer.Writer(spool, DATABASE).drain()
    assert (fake.rows, spool.dead()) == ([records[0].call.uuid, records[2].call.uuid], 1)
    spool.close()


@pytest.mark.parametrize("body", ["[]", "5", '{"call": []}', '{"call": {"uuid": 5}, "streams": []}', "\x00", "null"])
def test_whatever_is_in_the_spool_stops_no_other(tmp_path: Path, fake: FakeDatabase, body: str):
    spool = Spool(tmp_path / "spool")
    record = cdr()
    for table in ("waiting", "parts", "scores"):
        spool._db.execute(f"INSERT INTO {table} (uuid, body) VALUES ('x', ?)", (body,))
    spool.put(record)
    assert writer.Writer(spool, DATABASE).drain()
    assert (fake.rows, spool.dead(), spool.scores(9)) == ([record.call.uuid], 2, [])
    spool.close()


def test_what_is_too_much_at_once_gets_through_in_parts(tmp_path: Path, fake: FakeDatabase):
    """A server that takes no large packets, or none in time, closes the connection: it does not say why."""
    spool = Spool(tmp_path / "spool")
    records = [cdr() for _ in range(60)]
    for record in records:
        spool.put(record)
    fake.most_at_once = 3
    carrier = writer.Writer(spool, DATABASE)
    attempts = 0
    while not carrier.drain():
        attempts += 1
        assert attempts < 60
    assert fake.rows == [record.call.uuid for record in records]
    spool.close()


def test_nothing_is_lost_while_the_schema_is_missing(tmp_path: Path, fake: FakeDatabase):
    spool = Spool(tmp_path / "spool")
    record = cdr()
    spool.put(record)
    fake.errors[record.call.uuid] = pyodbc.ProgrammingError("42S02", "Table doesn't exist (1146)")
    carrier = writer.Writer(spool, DATABASE)
    assert not carrier.drain()
    assert (spool.depth(), spool.dead()) == (1, 0)
    fake.errors.clear()
    assert carrier.drain()
    assert fake.rows == [record.call.uuid]
    spool.close()


def test_nothing_is_lost_while_the_database_takes_no_connection(
    tmp_path: Path, fake: FakeDatabase, monkeypatch: pytest.MonkeyPatch
):
    def refused(_: Database) -> None:
        raise pyodbc.DataError("22001", "whatever a driver may say when it connects (1406)")

    monkeypatch.setattr(odbc, "connect", refused)
    spool = Spool(tmp_path / "spool")
    spool.put(cdr())
    assert not writer.Writer(spool, DATABASE).drain()
    assert (spool.depth(), spool.dead(), fake.rows) == (1, 0, [])
    spool.close()


def test_waiting_times_grow_to_a_limit_and_start_anew():
    backoff = Backoff(1, 4)
    waits = [backoff.wait() for _ in range(5)]
    for wait, limit in zip(waits, (1, 2, 4, 4, 4), strict=True):
        assert limit / 2 <= wait <= limit
    backoff.reset()
    assert backoff.wait() <= 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("42S02", "[42S02] [ma-3.1.15][8.0.46]No such table (1146) (SQLExecute)"),
            "[42S02] [8.0.46]No such table (1146) (SQLExecute)",
        ),
        (("ODBC SQL type 0 is not yet supported.", "HY106"), "ODBC SQL type 0 is not yet supported."),
        ((), ""),
    ],
)
def test_an_error_of_the_driver_is_told_in_words(arguments, text):
    assert odbc.error_text(pyodbc.Error(*arguments)) == text
