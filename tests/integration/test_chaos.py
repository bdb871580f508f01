"""Never lost, never twice: the application and its database are killed at random while they make short calls.

What was called is told by a far end that has no part in either: it counts the INVITEs that reach it, and refuses them
or passes them on to the application's own receiver. Afterwards there is one record for each of them, no more and no
less, whatever was killed when.

By default a small run; `VOICE_TEST_CHAOS=full` makes 500 calls and kills the application ten times.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.far_end import FarEnd
from tests.integration.test_sip_calls import ADDRESS, CLIENT, Records, environment, plan_row, records_of
from voice_lab import processes
from voice_lab.services import database as database_service
from voice_lab.waiting import until

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]

settings = environment  # the fixture, under a name that the module does not use otherwise
FULL = os.environ.get("VOICE_TEST_CHAOS") == "full"
CALLS, APPLICATION_KILLS, DATABASE_KILLS = (500, 10, 6) if FULL else (80, 3, 1)
PROBES, EVERY_MS = 36, 4000
LIMIT_S = 400 if FULL else 150


class Victim:
    """A program that can be killed and started again."""

    def __init__(self, start: Callable[[], None], kill: Callable[[], None]) -> None:
        self.start = start
        self.kill = kill


@contextmanager
def application(settings: dict[str, str], log: Path) -> Iterator[Victim]:
    running: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        command = [sys.executable, "-m", "voice_sipapp"]
        record = processes.start(log.parent, log.stem, command, env=settings, log=log)
        running.append(processes.child(record))

    def kill() -> None:
        process = running.pop()
        process.kill()
        process.wait(10)

    start()
    try:
        yield Victim(start, kill)
    finally:
        running[-1].send_signal(signal.SIGTERM)
        running[-1].wait(20)


def database_victim(database: Any) -> Victim:
    lab = database.lab

    def kill() -> None:
        for pid in processes.members(lab.folder, database_service.NAME):
            os.kill(pid, signal.SIGKILL)
        until(lambda: not processes.running(lab.folder, database_service.NAME), what="the database is gone", seconds=10)

    return Victim(lambda: database_service.start(lab), kill)


def plan(records: Records, refusing: FarEnd, passing: FarEnd) -> None:
    for number in range(PROBES):
        far_end = refusing if number % 2 else passing
        destination = f"sip:chaos-{number}@[{ADDRESS}]:{far_end.port}"
        records.plan(plan_row(f"chaos-{number}", destination, every_ms=EVERY_MS, duration_ms=300, answer_after_ms=0))


def disturb(victims: list[Victim], enough: Callable[[], bool], dice: random.Random) -> None:
    """Kill one victim after the other at random moments, for as long as the calls take, then let everything run."""
    deadline = time.monotonic() + LIMIT_S
    for victim in victims:
        time.sleep(dice.uniform(1.5, 5))
        victim.kill()
        time.sleep(dice.uniform(0, 2))
        victim.start()
    while not enough():
        assert time.monotonic() < deadline, "too few calls in that time"
        time.sleep(0.2)


def recorded(database: Any) -> list[tuple[str, str, bool]]:
    """Each row of `voice_call`: the call, its disposition, and whether an INVITE was sent as far as the row says."""
    with closing(database.connect("admin")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT uuid, disposition, call_id IS NOT NULL FROM voice_call WHERE client = %s", (CLIENT,))
        return [(uuid.hex(), disposition, bool(sent)) for uuid, disposition, sent in cursor.fetchall()]


def everything_arrived(database: Any, called: set[str]) -> bool:
    try:
        return called <= {uuid for uuid, *_ in recorded(database)}
    except pymysql.MySQLError:
        return False  # it is just starting


def test_every_call_has_one_record_whatever_is_killed(own_database: Any, settings: dict[str, str], tmp_path: Path):
    seed = int(os.environ.get("VOICE_TEST_SEED", random.randrange(10**6)))
    dice = random.Random(seed)
    settings |= {"VOICE_CALLS_PER_SECOND": "20", "VOICE_MAX_CALLS": "60"}
    relay = (int(settings["VOICE_SIP_DIALER_PORT"]), int(settings["VOICE_SIP_RECEIVER_PORT"]))
    with ExitStack() as stack:
        refusing, passing = FarEnd(), FarEnd(relay)
        for far_end in (refusing, passing):
            stack.enter_context(closing(far_end)).start()

        def called() -> set[str]:
            return {seen.uuid for far_end in (refusing, passing) for seen in far_end.seen}

        with records_of(own_database):
            pass  # whatever was there of earlier tests is gone
        with closing(own_database.connect("admin")) as connection:
            plan(Records(connection), refusing, passing)
        with keeps_the_database(own_database), application(settings, tmp_path / "log") as app:
            victims = [app] * APPLICATION_KILLS + [database_victim(own_database)] * DATABASE_KILLS
            dice.shuffle(victims)
            disturb(victims, lambda: len(called()) >= CALLS, dice)
        # It was told to stop, and hung up what was up. What the database has not got yet, the next run brings.
        with application({**settings, "VOICE_SIP_CLIENTS": "nobody"}, tmp_path / "log"):
            until(lambda: everything_arrived(own_database, called()), what="all records are there", seconds=90)
        rows = recorded(own_database)
    with records_of(own_database):
        pass
    told = Counter(uuid for uuid, *_ in rows)
    outcomes = Counter(disposition for _, disposition, _ in rows)
    report = {"seed": seed, "called": len(called()), "rows": len(rows), "kills": len(victims), **outcomes}
    sys.stdout.write(json.dumps(report) + "\n")
    assert called() - set(told) == set(), "none is missing"
    assert set(told.values()) == {1}, "none is there twice"
    # A call that was noted, but killed before its INVITE could be sent, says so itself.
    unsent = [(disposition, sent) for uuid, disposition, sent in rows if uuid not in called()]
    assert set(unsent) <= {("interrupted", False)}
    assert len(unsent) <= 5 * APPLICATION_KILLS
    assert outcomes["answered"] > CALLS // 10, "calls of both kinds were made"
    assert outcomes["busy"] > CALLS // 10


@contextmanager
def keeps_the_database(database: Any) -> Iterator[None]:
    """Whatever happens in here, the database runs afterwards: other tests need it."""
    try:
        yield
    finally:
        if not processes.running(database.lab.folder, database_service.NAME):
            database_service.start(database.lab)
        until(lambda: database_service.healthy(database.lab), what="the database runs again", seconds=60)
