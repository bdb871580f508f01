"""Several SIP hosts share one plan: real processes, one real database."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import pairwise
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from tests.far_end import FarEnd
from tests.integration.test_sip_calls import ADDRESS, CLIENT, Records, application, environment, plan_row
from tests.integration.test_sip_calls import records as records  # noqa: PLC0414 - a fixture
from tests.ports import free_udp_port
from tests.wire import Wire
from voice_sipapp.plan.schedule import offset_ms
from voice_sipapp.records.spool import Spool

pytestmark = [pytest.mark.services, pytest.mark.long]

settings = environment  # the fixture under a name that does not hide the module's
EVERY_MS = 4000
PROBES = [f"shared-{number}" for number in range(8)]
OBSERVED_S = float(os.environ.get("VOICE_TEST_SHARED_S", "24"))
"""How long two hosts are watched sharing a plan."""


def wait_for(condition: Callable[[], bool], timeout_s: float, what: str) -> float:
    """Wait until `condition` holds; returns how long that took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + timeout_s, f"not within {timeout_s} s: {what}"
        time.sleep(0.1)
    return time.monotonic() - began


class Hosts:
    """SIP hosts of one plan; each has a name, ports and a spool of its own."""

    def __init__(self, settings: dict[str, str], folder: Path, records: Records) -> None:
        self._settings = settings
        self._folder = folder
        self._records = records

    @contextmanager
    def running(self, name: str, **changes: str) -> Iterator[Popen[bytes]]:
        number = int(name[-1])
        own = {
            "VOICE_SIP_HOST": name,
            "VOICE_SIP_DIALER_PORT": str(free_udp_port(ADDRESS)),
            "VOICE_SIP_RECEIVER_PORT": str(free_udp_port(ADDRESS)),
            "VOICE_RTP_PORTS": f"{36000 + 1000 * number}-{36998 + 1000 * number}",
            "VOICE_SPOOL": str(self._folder / f"{name}.sqlite"),
            "VOICE_CALL_KEY": str(_key(self._folder)),
        }
        with application(self._settings | own | changes, self._folder / f"{name}.log") as process:
            yield process

    def holders(self) -> Counter[str]:
        """How many of this test's probes each host holds."""
        query = (
            "SELECT sip_host FROM voice_probe_lease"
            " WHERE client = %s AND party = 'dialer' AND expires_at > UTC_TIMESTAMP(3)"
        )
        return Counter(name for (name,) in self._records.all(query))

    def held_by(self, host: str) -> set[str]:
        """The probes that `host` calls."""
        query = "SELECT probe FROM voice_probe_lease WHERE client = %s AND party = 'dialer' AND sip_host = '{}'"
        return {probe for (probe,) in self._records.all(query.format(host))}

    def recorded_rows(self) -> list[str]:
        """The calls that have a record, once for each record."""
        return [uuid.hex() for (uuid,) in self._records.all("SELECT uuid FROM voice_call WHERE client = %s")]

    def recorded(self) -> set[str]:
        """The calls that have a record."""
        return set(self.recorded_rows())

    def interrupted(self) -> set[str]:
        """The calls that ended with their host, which may have been before their INVITE left."""
        rows = self._records.all("SELECT uuid FROM voice_call WHERE client = %s AND disposition = 'interrupted'")
        return {uuid.hex() for (uuid,) in rows}


def _key(folder: Path) -> Path:
    """The key that the hosts share."""
    path = folder / "call.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    return path


@pytest.fixture
def hosts(settings: dict[str, str], tmp_path: Path, records: Records, far_end: FarEnd) -> Hosts:
    for probe in PROBES:
        records.plan(plan_row(probe, f"sip:{probe}@[{ADDRESS}]:{far_end.port}", every_ms=EVERY_MS))
    return Hosts(settings, tmp_path, records)


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    with closing(FarEnd()) as made:
        made.start()
        yield made


def slot(probe: str, moment: float) -> int:
    """The number of the interval of `probe` in which `moment` (seconds since 1970) lies."""
    return (round(moment * 1000) - offset_ms(CLIENT, probe, EVERY_MS)) // EVERY_MS


def whole_slots(probe: str, since: float, until: float) -> range:
    return range(slot(probe, since) + 1, slot(probe, until))


def apart(far_end: FarEnd, probes: set[str], since: float, until: float) -> float:
    """The shortest time between two calls of one of `probes` that began between the two moments, in seconds."""
    gaps = []
    for probe in probes:
        began = sorted(seen.at for seen in far_end.seen if seen.user == probe and since < seen.at < until)
        gaps += [later - earlier for earlier, later in pairwise(began)]
    return min(gaps)


def both_call(hosts: Hosts) -> bool:
    found = hosts.holders()
    return sum(found.values()) == len(PROBES) and set(found) == {"host-1", "host-2"}


def test_two_hosts_make_each_call_once_and_one_takes_over_when_the_other_dies(hosts: Hosts, far_end: FarEnd):
    def made(since: float, until: float) -> Counter[tuple[str, int]]:
        """How often each probe was called in each of its intervals that lie between the two moments."""
        calls = Counter((seen.user, slot(seen.user, seen.at)) for seen in far_end.seen)
        return Counter({(user, at): calls[user, at] for user in PROBES for at in whole_slots(user, since, until)})

    with ExitStack() as running:
        running.enter_context(hosts.running("host-1"))
        wait_for(lambda: hosts.holders() == {"host-1": len(PROBES)}, 20, "the only host holds everything")
        since = time.time() + EVERY_MS / 1000
        second = running.enter_context(hosts.running("host-2"))
        wait_for(lambda: both_call(hosts), 30, "the new host has its share")

        # The intervals in which the share changed hands too.
        until = time.time() + OBSERVED_S
        wait_for(lambda: time.time() > until, OBSERVED_S + 10, "the time to watch them is over")
        assert set(made(since, until).values()) == {1}, "each call is made, and made once"

        second.send_signal(signal.SIGKILL)
        killed_at = time.time()
        wait_for(lambda: hosts.holders() == {"host-1": len(PROBES)}, 20, "the other host took over")
        assert time.time() - killed_at < 12
        alone = time.time() + EVERY_MS / 1000
        until = alone + 2 * EVERY_MS / 1000
        wait_for(lambda: time.time() > until, 30, "the time to watch the other host is over")
        assert set(made(alone, until).values()) == {1}, "the other host makes all calls"
    called = {seen.uuid for seen in far_end.seen}
    assert called >= hosts.recorded() - hosts.interrupted(), "no record of a call that was not made"


def test_a_host_that_is_stopped_leaves_its_probes_at_once(hosts: Hosts):
    with ExitStack() as running:
        running.enter_context(hosts.running("host-1"))
        second = running.enter_context(hosts.running("host-2"))
        wait_for(lambda: both_call(hosts), 30, "both hosts have their share")
        second.send_signal(signal.SIGTERM)
        # Less than a lease lasts: it was given back, and did not run out.
        taken = wait_for(lambda: hosts.holders() == {"host-1": len(PROBES)}, 20, "the other host took over")
        assert taken < 7, "leases were given back, and did not run out"


def test_two_hosts_of_one_name_are_noticed_and_one_of_them_calls(hosts: Hosts, far_end: FarEnd, tmp_path: Path):
    """As of a machine that was copied with all its settings."""
    with ExitStack() as running:
        first = running.enter_context(hosts.running("host-1"))
        wait_for(lambda: hosts.holders() == {"host-1": len(PROBES)}, 20, "the first one calls")
        running.enter_context(
            hosts.running("host-2", VOICE_SIP_HOST="host-1", VOICE_SPOOL=str(tmp_path / "copy.sqlite"))
        )
        log = tmp_path / "host-2.log"
        sentence = "another SIP application calls itself host-1 and is alive: this one places no calls"
        wait_for(lambda: sentence in log.read_text(), 20, "the second one says what is wrong")
        since = time.time()
        wait_for(lambda: time.time() > since + 3 * EVERY_MS / 1000, 30, "the time to watch them is over")
        calls = Counter((seen.user, slot(seen.user, seen.at)) for seen in far_end.seen)
        assert set(calls.values()) == {1}, "no call is made twice"
        first.send_signal(signal.SIGTERM)
        first.wait(15)
        stopped = time.time()
        wait_for(lambda: any(seen.at > stopped + 2 for seen in far_end.seen), 20, "the second one calls now")
        assert "is this SIP application's alone again" in log.read_text()


@pytest.mark.timeout(300)
def test_a_host_cut_off_from_the_database_calls_on_and_what_is_called_twice_is_known(
    hosts: Hosts, far_end: FarEnd, own_database: Any
):
    """Nobody can tell such a host that another one took over: both call then, until the way is back. Each call has a
    record of its own, none is lost, no probe is called by more than two, and what was not cut off is called once.
    """
    with ExitStack() as running:
        wire = running.enter_context(closing(Wire(own_database.port)))
        wire.start()
        running.enter_context(hosts.running("host-1"))
        database = {"VOICE_MYSQL_HOST": "127.0.0.1", "VOICE_MYSQL_PORT": str(wire.own)}
        running.enter_context(hosts.running("host-2", **database))
        wait_for(lambda: both_call(hosts), 30, "both hosts have their share")
        steady = time.time() + EVERY_MS / 1000
        wait_for(lambda: time.time() > steady + 2 * EVERY_MS / 1000, 30, "both call in turn")
        # Only now: a probe that was in a call moved to the second host when that had ended.
        shared = hosts.held_by("host-2")
        wire.silent.set()
        cut_at = time.time()
        wait_for(lambda: hosts.holders() == {"host-1": len(PROBES)}, 20, "the other host took over")
        taken_at = time.time()
        assert taken_at - cut_at < 12
        wait_for(lambda: time.time() > taken_at + 4 * EVERY_MS / 1000, 30, "both called for a while")
        wire.silent.clear()
        back_at = time.time()
        wait_for(lambda: both_call(hosts), 40, "both hosts have their share again")
        healed = time.time() + EVERY_MS / 1000
        until = healed + 3 * EVERY_MS / 1000
        wait_for(lambda: time.time() > until, 30, "the time to watch them is over")
        calls = Counter((seen.user, slot(seen.user, seen.at)) for seen in far_end.seen)
        uuids = {seen.uuid for seen in far_end.seen}
        wait_for(lambda: hosts.recorded() >= {seen.uuid for seen in far_end.seen if seen.at < until}, 30, "all records")
    assert len(hosts.recorded()) == len(hosts.recorded_rows()), "no record twice"
    assert hosts.recorded() >= uuids

    def made(probes: set[str], since: float, until: float) -> set[int]:
        return {calls[probe, at] for probe in probes for at in whole_slots(probe, since, until)}

    others = set(PROBES) - shared
    assert made(set(PROBES), steady, cut_at) == {1}, "before: each call once"
    assert made(shared, cut_at, taken_at - 3) <= {1}, "cut off, and not yet replaced: each call once"
    # A call that is a little late may fall into the next interval, but two hosts would call at nearly the same moment.
    assert 0 not in made(others, steady, until), "what the other host held is called, whatever happens"
    assert apart(far_end, others, steady, until) > EVERY_MS / 2000, "and by that host alone"
    assert made(shared, taken_at + EVERY_MS / 1000, back_at) == {2}, "by both of them, and by no more"
    assert made(set(PROBES), healed, until) == {1}, "afterwards: each call once"


def test_a_host_serves_only_the_clients_and_parties_it_was_set_up_for(hosts: Hosts, records: Records):
    with ExitStack() as running:
        running.enter_context(hosts.running("host-1", VOICE_SIP_CLIENTS="somebody-else"))
        running.enter_context(hosts.running("host-2", VOICE_SIP_PARTIES="receiver"))
        running.enter_context(hosts.running("host-3", VOICE_SIP_CLIENTS=f"somebody-else,{CLIENT}"))
        wait_for(lambda: hosts.holders() == {"host-3": len(PROBES)}, 20, "the one that may holds everything")
        heartbeats = "SELECT parties, clients FROM voice_sip_host WHERE sip_host = 'host-2' AND %s <> ''"
        wait_for(lambda: records.all(heartbeats) == [("receiver", "")], 20, "the heartbeat says what it may be")


def test_a_call_that_is_asked_for_is_placed_once_and_within_seconds(hosts: Hosts, far_end: FarEnd, records: Records):
    """Two hosts, probes that are not due for hours, one of them suspended; one request is too old to be called."""
    target = f"[{ADDRESS}]:{far_end.port}"
    for probe in PROBES:
        records.plan(plan_row(probe, f"sip:{probe}@{target}", every_ms=86_400_000, suspended=probe == PROBES[0]))
    ask = (
        "INSERT INTO voice_call_request (client, probe, requested_at, requested_by)"
        " SELECT client, probe, UTC_TIMESTAMP(3) - INTERVAL {} SECOND, 'somebody' FROM voice_probe WHERE client = %s"
    )
    with ExitStack() as running:
        for name in ("host-1", "host-2"):
            running.enter_context(hosts.running(name))
        wait_for(lambda: both_call(hosts), 30, "both hosts have their share")
        records.all(ask.format(0))
        records.all(ask.format(600) + f" AND probe = '{PROBES[1]}'")
        made = "SELECT probe, call_uuid FROM voice_call_request WHERE client = %s AND call_uuid IS NOT NULL"
        calls = dict(records.wait(made, len(PROBES), 30))
        told = "SELECT probe, uuid FROM voice_call WHERE client = %s AND request_id IS NOT NULL"
        assert dict(records.wait(told, len(PROBES), 30)) == calls
        late = "claimed_at > requested_at + INTERVAL 1 MINUTE"
        stale = f"SELECT call_uuid FROM voice_call_request WHERE client = %s AND {late}"
        assert records.wait(stale, 1, 10) == [(None,)], "too old: claimed, and not called"
        delays = records.all(
            "SELECT TIMESTAMPDIFF(MICROSECOND, r.requested_at, r.claimed_at) / 1e6,"
            " TIMESTAMPDIFF(MICROSECOND, r.requested_at, c.started_at) / 1e6"
            " FROM voice_call_request r JOIN voice_call c ON c.request_id = r.id WHERE r.client = %s"
        )
    assert set(calls) == set(PROBES), "a suspended probe can be called too"
    assert {seen.uuid for seen in far_end.seen} == {uuid.hex() for uuid in calls.values()}, "each call is made once"
    assert max(claimed for claimed, _ in delays) < 5
    # On time, or a little late where the machine has other things to do.
    assert all(2.9 < started < 7 for _, started in delays), delays


def test_hosts_without_the_shared_key_say_so_and_take_nobodys_call_for_their_own(
    settings: dict[str, str], tmp_path: Path, records: Records
):
    dialer, receiver = free_udp_port(ADDRESS), free_udp_port(ADDRESS)
    hosts = Hosts(settings, tmp_path, records)
    with ExitStack() as running:
        records.plan(plan_row("between", f"sip:+442071838750@[{ADDRESS}]:{receiver}", every_ms=4000))
        for name, ours in (
            ("host-1", {"VOICE_SIP_PARTIES": "dialer", "VOICE_SIP_DIALER_PORT": str(dialer)}),
            ("host-2", {"VOICE_SIP_PARTIES": "receiver", "VOICE_SIP_RECEIVER_PORT": str(receiver)}),
        ):
            running.enter_context(hosts.running(name, VOICE_CALL_KEY="", **ours))
        query = "SELECT disposition, sip_code FROM voice_call WHERE client = %s"
        assert set(records.wait(query, 2, 40)) == {("busy", 486)}
        for name, other in (("host-1", "host-2"), ("host-2", "host-1")):
            log = tmp_path / f"{name}.log"
            wait_for(lambda log=log: "and this one has no call key" in log.read_text(), 20, "it is said")  # type: ignore[misc]
            assert f"there are other SIP hosts ({other})" in log.read_text()
            assert "call key: none (VOICE_CALL_KEY is not set)" in log.read_text()
        strangers = "SELECT strangers > 1 FROM voice_sip_host WHERE sip_host = 'host-2' AND %s <> ''"
        wait_for(lambda: records.all(strangers) == [(1,)], 20, "they are counted")


def test_a_receiver_that_is_killed_in_mid_call_tells_so_when_it_is_back(
    settings: dict[str, str], tmp_path: Path, records: Records
):
    dialer, receiver = free_udp_port(ADDRESS), free_udp_port(ADDRESS)
    hosts = Hosts(settings, tmp_path, records)
    ours = {"VOICE_SIP_PARTIES": "receiver", "VOICE_SIP_RECEIVER_PORT": str(receiver)}

    def noted() -> int:
        with closing(sqlite3.connect(tmp_path / "host-2.sqlite", timeout=10)) as spool:
            return int(spool.execute("SELECT COUNT(*) FROM begun_parts").fetchone()[0])

    with ExitStack() as running:
        path = running.enter_context(closing(FarEnd((dialer, receiver))))
        path.start()
        killed = running.enter_context(hosts.running("host-2", **ours))
        wait_for((tmp_path / "host-2.sqlite").exists, 20, "the receiver's host runs")
        destination = f"sip:+442071838750@[{ADDRESS}]:{path.port}"
        records.plan(plan_row("cut-off", destination, every_ms=12_000, duration_ms=6000))
        running.enter_context(hosts.running("host-1", VOICE_SIP_PARTIES="dialer", VOICE_SIP_DIALER_PORT=str(dialer)))
        wait_for(lambda: noted() == 1, 40, "a call is up")
        killed.kill()
        killed.wait(10)
        records.plan(plan_row("cut-off", destination, every_ms=12_000, duration_ms=6000, suspended=1))
        running.enter_context(hosts.running("host-2", **ours))
        query = (
            "SELECT c.disposition, c.valid, c.sip_reason, s.direction, s.valid, s.sip_host FROM voice_call c"
            " JOIN voice_call_stream s ON s.uuid = c.uuid AND s.started_at = c.started_at"
            " WHERE c.client = %s AND NOT c.valid ORDER BY s.direction"
        )
        (forward, reverse) = records.wait(query, 2, 40)[:2]
    assert (*forward[:2], *forward[3:]) == ("answered", 0, "forward", 0, "host-2")
    assert (*reverse[:2], *reverse[3:]) == ("answered", 0, "reverse", 0, "host-1")
    assert forward[2].endswith("; The SIP host host-2, its receiver, stopped in mid-call.")
    with closing(Spool(tmp_path / "host-2.sqlite")) as spool:
        assert (spool.depth(), spool.dead()) == (0, 0)


@pytest.mark.parametrize(
    ("strips", "proof"),
    [
        (False, {}),
        (True, {"allotted_numbers": '["+442071838750"]'}),
        (True, {"confirmation": "dtmf", "duration_ms": 4000}),
    ],
    ids=["header arrives", "header is stripped, number is allotted", "header is stripped, code is pressed"],
)
def test_a_call_between_two_hosts_is_put_together(
    settings: dict[str, str], tmp_path: Path, records: Records, *, strips: bool, proof: dict[str, Any]
):
    """Each host writes the stream that it received; where the header is lost, number and time tell which call it is, or
    its code.
    """
    dialer, receiver = free_udp_port(ADDRESS), free_udp_port(ADDRESS)
    hosts = Hosts(settings, tmp_path, records)
    with ExitStack() as running:
        path = running.enter_context(closing(FarEnd((dialer, receiver), strips=strips)))
        path.start()
        records.plan(plan_row("between", f"sip:+442071838750@[{ADDRESS}]:{path.port}", every_ms=8000, **proof))
        running.enter_context(hosts.running("host-1", VOICE_SIP_PARTIES="dialer", VOICE_SIP_DIALER_PORT=str(dialer)))
        running.enter_context(
            hosts.running("host-2", VOICE_SIP_PARTIES="receiver", VOICE_SIP_RECEIVER_PORT=str(receiver))
        )
        whole = (
            "SELECT c.sip_host, c.disposition, f.sip_host, f.one_way, r.sip_host, r.one_way FROM voice_call c"
            " JOIN voice_call_stream f ON f.uuid = c.uuid AND f.started_at = c.started_at AND f.direction = 'forward'"
            " JOIN voice_call_stream r ON r.uuid = c.uuid AND r.started_at = c.started_at AND r.direction = 'reverse'"
            " WHERE c.client = %s"
        )
        rows = records.wait(whole, 2, 60)
        ladders = records.all("SELECT uuid, leg, messages FROM voice_call_ladder WHERE client = %s")
    assert set(rows) == {("host-1", "answered", "host-2", 0, "host-1", 0)}
    first = {(uuid, leg): json.loads(messages)[0]["ms"] for uuid, leg, messages in ladders}
    crossings = [first[uuid, "receiver"] - first[uuid, "dialer"] for uuid, leg in first if leg == "receiver"]
    assert len(crossings) >= 2
    assert all(0 <= crossing < 1000 for crossing in crossings), "the INVITE leaves before it arrives"
