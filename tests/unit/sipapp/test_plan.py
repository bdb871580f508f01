"""What the plan asks for, and when it is called."""

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyodbc
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voice_sipapp.plan import probe
from voice_sipapp.plan import reader as plan
from voice_sipapp.plan.leaseholder import Leaseholder
from voice_sipapp.plan.leases import Host, Lease
from voice_sipapp.plan.probe import ProbeError, from_row
from voice_sipapp.plan.schedule import Schedule, next_start, offset_ms
from voice_sipapp.plan.sipuri import SipUri, SipUriError
from voice_sipapp.settings import Database


def row(**changes: Any) -> dict[str, Any]:
    """A row of `voice_probe` as the database gives it."""
    return {
        "client": "acme", "probe": "sales", "generation": 3, "dialer_address": "sip:probe-1@voice.example.net",
        "dialer_outbound_proxy": "sip:[2001:db8::10]:5062", "dialer_credentials": None,
        "destination": "sip:+442071838750@sbc.acme.example", "receiver_address": "sip:agent-7@voice.example.net",
        "receiver_registrar": None, "receiver_credentials": None, "answer_after_ms": 2000, "every_ms": 300_000,
        "schedule": None, "time_zone": "UTC", "duration_ms": 30_000, "dtmf": "[]",
        "codecs": '["Opus", "G729", "pcma"]', "audio": "speech-en", "media_encryption": "none", "suspended": 0,
        "mos_warning": 4.0, "confirmation": "none", "allow_overlap": 0, "allotted_numbers": "[]",
    } | changes  # fmt: skip


def test_a_row_becomes_a_probe():
    found = from_row(row())
    assert found.key == ("acme", "sales")
    assert found.codecs == ("opus", "PCMA")
    assert found.proxy is not None
    assert found.proxy.address == ("[2001:db8::10]", 5062)
    assert found.unsupported is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dtmf": '[{"after_ms": 1, "digits": "1x"}]'}, "'1x' can't be pressed"),
        ({"codecs": '["iLBC", "G729"]'}, "None of the codecs iLBC, G729 is supported"),
    ],
)
def test_what_is_not_supported_is_said_in_a_sentence(changes: dict[str, Any], words: str):
    found = from_row(row(**changes)).unsupported
    assert found is not None
    assert words in found
    assert found.endswith(".")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"destination": "call me"}, "no SIP URI"),
        ({"every_ms": None}, "exactly one of"),
        ({"schedule": "* * * * *"}, "exactly one of"),
        ({"every_ms": 10}, "less than a second"),
        ({"every_ms": None, "schedule": "every day"}, "acme/sales"),
        ({"every_ms": None, "schedule": "0 0 31 2 *"}, "acme/sales"),
        ({"time_zone": "Europe/Atlantis"}, "not known"),
        ({"time_zone": "Europe"}, "not known"),
        ({"codecs": "{}"}, "codecs is not a list"),
        ({"dtmf": "nonsense"}, "acme/sales"),
        ({"duration_ms": 0}, "positive"),
        ({"client": None}, "client is empty"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused_with_a_reason(changes: dict[str, Any], words: str):
    with pytest.raises(ProbeError, match=words):
        from_row(row(**changes))


def test_a_bad_row_does_not_stop_the_others():
    probes, problems = plan.parse([row(), row(probe="bad", destination="?"), {"client": "x"}])
    assert [(found.probe, found.unsupported) for found in probes] == [("sales", None), ("bad", "'?' is no SIP URI.")]
    assert len(problems) == 2


def test_a_bad_row_keeps_what_of_it_can_be_read():
    (found,), _ = plan.parse([row(destination="call me", every_ms=60_000, generation=7)])
    assert (found.generation, found.every_ms, found.destination.text) == (7, 60_000, "call me")


@pytest.mark.parametrize("changes", [
    {"every_ms": None}, {"every_ms": 10}, {"every_ms": None, "schedule": "every day"}, {"time_zone": "Mars"},
    {"every_ms": None, "schedule": "0 0 31 2 *"}, {"every_ms": "often"},
])  # fmt: skip
def test_a_row_without_usable_timing_is_told_of_every_five_minutes(changes: dict[str, Any]):
    (found,), _ = plan.parse([row(**changes)])
    assert (found.every_ms, found.schedule) == (300_000, None)
    assert found.unsupported


cells = st.none() | st.integers() | st.floats() | st.text(max_size=20)


@given(st.dictionaries(st.sampled_from(probe.COLUMNS), cells))
@example({"every_ms": 457_128_077_765_862})
def test_whatever_a_row_holds_its_probe_is_told_of_and_stops_no_other(changes: dict[str, Any]):
    changes |= {"client": "acme", "probe": "odd"}
    probes, _ = plan.parse([row(**changes), row()])
    assert [found.probe for found in probes] == ["odd", "sales"]
    assert next_start(probes[0], NOW) > NOW


def test_the_copy_on_disk_gives_back_the_rows_and_what_was_held(tmp_path: Path):
    held = frozenset({Lease("acme", "sales", "dialer")})
    plan.save(tmp_path / "plan", [row()], held)
    assert plan.load(tmp_path / "plan") == ([row()], held, "")
    plan.save(tmp_path / "plan", [row()], held, "me")
    assert plan.load(tmp_path / "plan") == ([row()], held, "me")
    assert plan.load(tmp_path / "absent") == ([], frozenset(), "")


def test_a_broken_copy_is_no_plan(tmp_path: Path):
    (tmp_path / "plan").write_text(json.dumps([row()])[:-9])
    assert plan.load(tmp_path / "plan") == ([], frozenset(), "")
    (tmp_path / "plan").write_text("[1]")
    assert plan.load(tmp_path / "plan") == ([], frozenset(), "")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("sip:+4420@sbc.example", ("sbc.example", 5060)),
        ("sip:[2001:db8::1]", ("[2001:db8::1]", 5060)),
        ("SIP:a@192.0.2.1:5070;transport=udp", ("192.0.2.1", 5070)),
    ],
)
def test_uris_tell_where_to_send(text: str, address: tuple[str, int]):
    assert SipUri.parse(text).address == address


@pytest.mark.parametrize("text", ["tel:", "sip:", "sip:a b@c", "sip:a@b:99999", "sip:2001:db8::1"])
def test_other_texts_are_no_sip_uri(text: str):
    with pytest.raises(SipUriError):
        SipUri.parse(text)


moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
names = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=20)


@given(moments, st.integers(1000, 86_400_000), names)
def test_interval_starts_are_ahead_by_at_most_one_interval(now: datetime, every: int, name: str):
    start = next_start(from_row(row(every_ms=every, probe=name)), now)
    assert now < start <= now + timedelta(milliseconds=every)


@given(moments, st.integers(1000, 3_600_000))
def test_interval_starts_keep_their_distance(now: datetime, every: int):
    found = from_row(row(every_ms=every))
    starts = [now]
    for _ in range(5):
        starts.append(next_start(found, starts[-1]))
    assert {later - earlier for earlier, later in pairwise(starts[1:])} == {timedelta(milliseconds=every)}


@given(moments, st.sampled_from(["*/5 8-18 * * 1-5", "30 1 * * *", "0 2 29 2 *"]),
       st.sampled_from(["UTC", "Europe/London", "Australia/Lord_Howe", "America/New_York"]))  # fmt: skip
def test_cron_starts_are_always_ahead(now: datetime, cron: str, zone: str):
    found = from_row(row(every_ms=None, schedule=cron, time_zone=zone))
    first = next_start(found, now)
    assert now < first < next_start(found, first)


def test_cron_follows_the_clock_of_its_time_zone():
    found = from_row(row(every_ms=None, schedule="0 9 * * *", time_zone="Europe/London"))
    winter = next_start(found, datetime(2026, 1, 10, tzinfo=UTC))
    summer = next_start(found, datetime(2026, 7, 10, tzinfo=UTC))
    assert (winter.hour, summer.hour) == (9, 8)


@pytest.mark.parametrize("day", [(2026, 3, 28), (2026, 10, 24)])
def test_a_daily_call_is_made_each_day_when_the_clocks_change(day: tuple[int, int, int]):
    found = from_row(row(every_ms=None, schedule="0 1 * * *", time_zone="Europe/London"))
    first = next_start(found, datetime(*day, 2, tzinfo=UTC) - timedelta(hours=3))
    following = next_start(found, first + timedelta(hours=22))
    assert len({first.date(), following.date()}) == 2
    assert timedelta(hours=22) < following - first < timedelta(hours=26)


def test_an_hourly_schedule_is_never_called_twice_in_the_hour_that_comes_twice():
    found = from_row(row(every_ms=None, schedule="30 * * * *", time_zone="Europe/London"))
    starts = [datetime(2026, 10, 24, 22, tzinfo=UTC)]
    for _ in range(6):
        starts.append(next_start(found, starts[-1]))
    gaps = {later - earlier for earlier, later in pairwise(starts[1:])}
    assert min(gaps) >= timedelta(hours=1)
    assert max(gaps) <= timedelta(hours=2)


def test_cron_calls_of_the_same_minute_do_not_all_start_at_its_beginning():
    hour = datetime(2026, 7, 1, 12, tzinfo=UTC)
    probes = [from_row(row(probe=f"p{n}", every_ms=None, schedule="5 * * * *")) for n in range(100)]
    seconds = Counter((next_start(found, hour) - hour).total_seconds() // 1 - 300 for found in probes)
    assert min(seconds) >= 0
    assert max(seconds) < 20
    assert max(seconds.values()) < 20


def test_probes_of_the_same_interval_are_spread():
    offsets = [offset_ms("acme", f"probe-{number}", 300_000) for number in range(1000)]
    tenths = [sum(1 for offset in offsets if offset // 30_000 == tenth) for tenth in range(10)]
    assert min(tenths) > 60


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_call_that_is_up_is_never_overlapped():
    found = from_row(row(every_ms=10_000))
    schedule = Schedule()
    schedule.update([found], NOW)
    first = next_start(found, NOW)
    assert schedule.due(first) == [found]
    assert schedule.due(first + timedelta(seconds=10)) == []
    schedule.ended(found.key)
    assert schedule.due(first + timedelta(seconds=19)) == []
    assert schedule.due(first + timedelta(seconds=20)) == [found]


def test_a_probe_may_ask_for_calls_that_overlap():
    found = from_row(row(every_ms=10_000, allow_overlap=1))
    schedule = Schedule()
    schedule.update([found], NOW)
    first = next_start(found, NOW)
    assert schedule.due(first) == [found]
    assert schedule.due(first + timedelta(seconds=10)) == [found]
    schedule.ended(found.key)
    assert schedule.busy(found.key), "one of the two is still up"
    schedule.ended(found.key)
    assert not schedule.busy(found.key)


def test_a_call_that_was_asked_for_makes_the_scheduled_one_wait_for_its_next_time():
    found = from_row(row(every_ms=10_000))
    schedule = Schedule()
    schedule.update([found], NOW)
    schedule.begin(found.key)
    assert schedule.due(NOW + timedelta(seconds=10)) == []
    schedule.ended(found.key)
    assert schedule.due(NOW + timedelta(seconds=20)) == [found]


def test_missed_starts_are_not_made_up_for():
    found = from_row(row(every_ms=10_000))
    schedule = Schedule()
    schedule.update([found], NOW)
    assert schedule.due(NOW + timedelta(hours=3)) == [found]
    schedule.ended(found.key)
    assert schedule.due(NOW + timedelta(hours=3, seconds=1)) == []


def test_a_changed_row_keeps_the_phase_and_is_used_at_once():
    found = from_row(row(every_ms=10_000))
    changed = replace(found, generation=4, duration_ms=5000)
    schedule = Schedule()
    schedule.update([found], NOW)
    schedule.update([changed], NOW + timedelta(seconds=9))
    assert schedule.due(NOW + timedelta(seconds=10)) == [changed]


def test_suspended_and_removed_probes_are_not_called():
    found = from_row(row(every_ms=10_000))
    schedule = Schedule()
    schedule.update([found], NOW)
    schedule.update([replace(found, suspended=True)], NOW)
    assert schedule.due(NOW + timedelta(hours=1)) == []
    schedule.update([], NOW)
    assert schedule.due(NOW + timedelta(hours=1)) == []


def test_a_probe_is_left_to_another_host_only_between_its_calls():
    found = from_row(row(every_ms=60_000))
    schedule = Schedule()
    schedule.update([found], NOW)
    start = next_start(found, NOW)
    assert not schedule.leave(found.key, start - timedelta(seconds=2))
    assert schedule.due(start) == [found]
    assert not schedule.leave(found.key, start + timedelta(seconds=1))
    schedule.ended(found.key)
    assert schedule.leave(found.key, start + timedelta(seconds=2))
    assert schedule.due(start + timedelta(hours=1)) == []


def test_a_probe_that_is_called_all_the_time_can_be_left_too():
    found = from_row(row(every_ms=3_000))
    schedule = Schedule()
    schedule.update([found], NOW)
    assert schedule.leave(found.key, NOW)


@pytest.mark.parametrize("timing", [
    {"every_ms": 60_000}, {"every_ms": None, "schedule": "*/5 * * * *", "time_zone": "Europe/London"},
])  # fmt: skip
def test_a_clock_that_was_set_back_silences_no_probe(timing: dict[str, Any]):
    found = from_row(row(**timing))
    schedule = Schedule()
    schedule.update([found], NOW)
    assert schedule.due(next_start(found, NOW)) == [found]
    schedule.ended(found.key)
    back = NOW - timedelta(hours=5)
    assert schedule.due(back) == []
    assert schedule.due(next_start(found, back)) == [found]


def test_a_clock_that_is_set_back_a_little_makes_no_call_twice():
    found = from_row(row(every_ms=60_000))
    schedule = Schedule()
    schedule.update([found], NOW)
    start = next_start(found, NOW)
    assert schedule.due(start) == [found]
    schedule.ended(found.key)
    assert schedule.due(start - timedelta(seconds=4)) == []
    assert schedule.due(start + timedelta(seconds=1)) == []


def test_a_clock_that_was_set_forward_starts_one_call_of_each_probe():
    found = from_row(row(every_ms=60_000))
    schedule = Schedule()
    schedule.update([found], NOW)
    assert schedule.due(NOW + timedelta(hours=5)) == [found]
    schedule.ended(found.key)
    assert schedule.due(NOW + timedelta(hours=5, seconds=1)) == []


@pytest.mark.parametrize("every_ms", [5_000, 60_000])
def test_the_start_between_two_hosts_is_made_up_for_once(every_ms: int):
    found = from_row(row(every_ms=every_ms))
    giver, taker = Schedule(), Schedule()
    giver.update([found], NOW)
    start = next_start(found, NOW)
    left_at = start - timedelta(seconds=0.1)
    taker.update([found], start + timedelta(seconds=1), {found.key: left_at})
    assert taker.due(start + timedelta(seconds=1)) == [found]
    taker.ended(found.key)
    assert taker.due(start + timedelta(seconds=2)) == []
    none_between = Schedule()
    none_between.update([found], left_at, {found.key: left_at - timedelta(seconds=2)})
    assert none_between.due(left_at) == []


def test_a_probe_whose_call_is_due_now_is_not_left():
    found = from_row(row(every_ms=3_000))
    schedule = Schedule()
    schedule.update([found], NOW)
    assert not schedule.leave(found.key, next_start(found, NOW))


ZONES = ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Havana", "Asia/Kolkata"]


@pytest.mark.parametrize("zone", ZONES)
def test_no_quarter_of_an_hour_is_without_its_call_when_clocks_change(zone: str):
    """Those of Lord Howe change by half an hour, those of Cairo and Havana at midnight."""
    found = from_row(row(every_ms=None, schedule="*/15 * * * *", time_zone=zone))
    for month, day in ((3, 5), (3, 27), (4, 2), (4, 22), (9, 30), (10, 1), (10, 22), (10, 28)):
        moment, until = (
            datetime(2026, month, day, tzinfo=UTC),
            datetime(2026, month, day, tzinfo=UTC) + timedelta(days=5),
        )
        starts = [next_start(found, moment)]
        while starts[-1] < until:
            starts.append(next_start(found, starts[-1]))
        assert {later - earlier for earlier, later in pairwise(starts)} == {timedelta(minutes=15)}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("minute", range(0, 180, 30))
def test_a_daily_call_is_made_each_day_and_twice_only_where_its_time_comes_twice(zone: str, minute: int):
    """What is written in docs: a time that the clock leaves out is called as soon as the clock has passed it."""
    found = from_row(row(every_ms=None, schedule=f"{minute % 60} {minute // 60} * * *", time_zone=zone))
    start, days = datetime(2026, 1, 1, 12, tzinfo=UTC), Counter[Any]()
    while (start := next_start(found, start)) < datetime(2026, 12, 31, tzinfo=UTC):
        days[start.astimezone(ZoneInfo(zone)).date()] += 1
    assert len(days) >= 362, "each day"
    assert sorted(days.values())[-2] == 1, "one day at most has two"


AFTER_3 = " ".join(f"{hour:02}:{minute:02}" for hour in range(3, 24) for minute in (0, 20, 40))

# Zone, schedule, day of the change, and what the zone's clock shows when the calls of that day start.
CHANGES = [
    # Set forward: what is left out is called with the first moment after it, all of it at once.
    ("Europe/London", "30 1 * * *", (2026, 3, 29), "02:00"),
    ("Europe/London", "15,45 1 * * *", (2026, 3, 29), "02:00"),
    ("Europe/London", "0,30 1,2 * * *", (2026, 3, 29), "02:00 02:30"),
    ("Europe/London", "15 0-3 * * *", (2026, 3, 29), "00:15 02:00 02:15 03:15"),
    ("Europe/London", "30 1 29 3 *", (2026, 3, 29), "02:00"),
    ("Europe/London", "59 0 * * *", (2026, 3, 29), "00:59"),
    ("America/New_York", "30 2 * * *", (2026, 3, 8), "03:00"),
    ("America/Havana", "0 0 * * *", (2026, 3, 8), "01:00"),
    ("Africa/Cairo", "45 0 * * *", (2026, 4, 24), "01:00"),
    ("Antarctica/Troll", "0,30 1,2 * * *", (2026, 3, 29), "03:00"),  # by two hours
    ("Africa/Casablanca", "30 2 * * *", (2026, 3, 22), "03:00"),  # at the end of Ramadan
    ("Pacific/Apia", "0 12 * * *", (2011, 12, 31), "00:00 12:00"),  # a whole day was left out
    # By half an hour, and at another minute than an hour's first.
    ("Australia/Lord_Howe", "0 2 * * *", (2026, 10, 4), "02:30"),
    ("Australia/Lord_Howe", "29 2 * * *", (2026, 10, 4), "02:30"),
    ("Australia/Lord_Howe", "30 2 * * *", (2026, 10, 4), "02:30"),
    ("Australia/Lord_Howe", "0 1-4 * * *", (2026, 10, 4), "01:00 02:30 03:00 04:00"),
    ("Australia/Lord_Howe", "*/10 2 * * *", (2026, 10, 4), "02:30 02:40 02:50"),
    ("Pacific/Chatham", "0 2-4 * * *", (2026, 9, 27), "02:00 03:45 04:00"),
    (
        "Australia/Lord_Howe",
        "*/20 * 4 10 *",
        (2026, 10, 4),
        "00:00 00:20 00:40 01:00 01:20 01:40 02:30 02:40 " + AFTER_3,
    ),
    (
        "Pacific/Chatham",
        "*/20 * 27 9 *",
        (2026, 9, 27),
        "00:00 00:20 00:40 01:00 01:20 01:40 02:00 02:20 02:40 03:45 " + AFTER_3.partition("03:40 ")[2],
    ),
    # Set back: what comes twice is called twice.
    ("Europe/London", "30 1 * * *", (2026, 10, 25), "01:30 01:30"),
    ("Europe/London", "0 2 * * *", (2026, 10, 25), "02:00"),
    ("America/New_York", "*/30 1 * * *", (2026, 11, 1), "01:00 01:30 01:00 01:30"),
    ("Australia/Lord_Howe", "0 1-2 * * *", (2026, 4, 5), "01:00 02:00"),
    ("Australia/Lord_Howe", "*/20 1 * * *", (2026, 4, 5), "01:00 01:20 01:40 01:40"),
    ("Australia/Lord_Howe", "30 1 * * *", (2026, 4, 5), "01:30 01:30"),
    # A zone that moves to another offset for good.
    ("America/Caracas", "45 2 * * *", (2016, 5, 1), "03:00"),
    ("Asia/Pyongyang", "45 23 * * *", (2018, 5, 5), "00:00 23:45"),
]


@pytest.mark.parametrize(("zone", "schedule", "day", "calls"), CHANGES)
def test_what_a_change_of_the_clock_leaves_out_is_made_up_for_and_what_comes_twice_is_called_twice(
    zone: str, schedule: str, day: tuple[int, int, int], calls: str
):
    found = from_row(row(every_ms=None, schedule=schedule, time_zone=zone))
    spread = timedelta(milliseconds=offset_ms("acme", "sales", 20_000))
    begins = datetime(*day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    start, shown = begins - timedelta(seconds=1), []
    while (start := next_start(found, start)) < begins + timedelta(days=2):
        local = (start - spread).astimezone(ZoneInfo(zone))
        if (local.year, local.month, local.day) == day:
            shown.append(f"{local:%H:%M}")
    assert " ".join(shown) == calls


# As likely as not on the day of a change, at any moment of it.
change_days = st.sampled_from([(zone, datetime(*day, tzinfo=UTC)) for zone, _, day, _ in CHANGES])
minutes = st.sets(st.integers(0, 59), min_size=1, max_size=4)
hours = st.just(set(range(24))) | st.sets(st.integers(0, 23), min_size=1)


@given(change_days, minutes, hours, st.integers(-86_400_000, 2 * 86_400_000))
def test_the_next_call_is_the_first_minute_that_a_look_at_the_clock_each_minute_finds(
    when: tuple[str, datetime], minutes: set[int], hours: set[int], later_ms: int
):
    """The model: a clock on the wall, looked at each minute. What it jumped over since the last look is due as well."""
    name, day = when
    zone, after = ZoneInfo(name), day + timedelta(milliseconds=later_ms)
    # croniter's own rules for changes look at how a schedule is written.
    schedule = f"{','.join(map(str, minutes))} {'*' if len(hours) == 24 else ','.join(map(str, hours))} * * *"
    spread = timedelta(milliseconds=offset_ms("acme", "sales", 20_000))
    minute = timedelta(minutes=1)
    look = (after - spread).replace(second=0, microsecond=0)
    seen = look.astimezone(zone).replace(tzinfo=None)
    while True:
        look += minute
        shows = look.astimezone(zone).replace(tzinfo=None)
        passed = [seen + n * minute for n in range(1, (shows - seen) // minute)] if shows > seen else []
        if any(at.minute in minutes and at.hour in hours for at in [*passed, shows]):
            break
        seen = shows
    assert next_start(from_row(row(every_ms=None, schedule=schedule, time_zone=name)), after) == look + spread


def test_a_connection_that_broke_is_made_anew_before_anything_is_called_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A machine that stood still finds its connection broken, and its leases perhaps taken; the database is there."""
    told: list[str] = []
    held = Leaseholder(Host("h", ("dialer",)), lambda leases: (leases, 0.0))
    monkeypatch.setattr(held.tenure.__class__, "failed", lambda _: told.append("away"))
    monkeypatch.setattr(plan, "READ_EVERY_S", 0.01)
    nowhere = Database(host="::1", port=1, name="voice", user="", password="", tls_ca=None)
    reader = plan.PlanReader(nowhere, tmp_path / "plan", held, None, lambda *_: None, dict)  # type: ignore[arg-type]

    def works_then_breaks() -> None:
        reader._worked = True
        raise pyodbc.OperationalError("08S01", "Server has gone away (2006)")

    def fails() -> None:
        raise pyodbc.OperationalError("08001", "Can't connect (2002)")

    script = [works_then_breaks, works_then_breaks, fails, fails, reader._ending.set]

    def follow(_: object) -> None:
        step = script.pop(0)
        told.append(step.__name__)
        step()

    monkeypatch.setattr(reader, "_follow", follow)
    reader.run()
    assert told == ["works_then_breaks", "works_then_breaks", "fails", "away", "fails", "away", "set"]


def test_a_schedule_that_never_comes_stops_no_other_probe():
    found = from_row(row(every_ms=10_000))
    never = replace(found, probe="never", every_ms=None, schedule="0 0 31 2 *")
    schedule = Schedule()
    schedule.update([never, found], NOW)
    assert schedule.due(NOW + timedelta(seconds=10)) == [found]


def test_a_schedule_that_comes_for_the_last_time_stops_no_other_probe():
    found = from_row(row(every_ms=10_000))
    last = replace(found, probe="last", every_ms=None, schedule="30 12 1 3 * 0 2026")
    schedule = Schedule()
    schedule.update([last, found], NOW)
    assert schedule.due(NOW + timedelta(hours=1)) == [last, found]
    schedule.ended(last.key)
    assert schedule.due(NOW + timedelta(hours=2)) == []


def test_the_heartbeat_has_exactly_the_columns_of_its_table():
    from voice_portal.cdr.migrations import _ddl_0001 as schema

    columns = re.findall(r"(?m)^  ([a-z_]+) ", schema.VOICE_SIP_HOST)
    counts = {"active_calls": 2, "spool_depth": 3, "strangers": 0, "dead_letters": 0, "calls_left_out": 0}
    found = plan.heartbeat_row(Host("host", ("dialer",)), "1", NOW, **counts)
    assert sorted([*found, "heartbeat_at", "clock_offset_ms", "instance"]) == sorted(columns)


def test_the_probe_reads_only_columns_the_schema_has():
    from voice_portal.cdr.migrations import _ddl_0001 as schema

    for column in probe.COLUMNS:
        assert f"\n  {column} " in schema.VOICE_PROBE
