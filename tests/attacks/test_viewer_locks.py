"""Attacks: a viewer takes locks that others wait for: by name, and of rows.

The portal's *call now* and migrations waited for named locks of the server, which anybody can take who may log in.
"""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from tests.attacks import reading
from tests.attacks.reading import Client, beside, running, watched
from tests.attacks.test_viewer_sql import attacker as attacker  # noqa: PLC0414 - fixtures
from tests.attacks.test_viewer_sql import both as both  # noqa: PLC0414
from tests.attacks.test_viewer_sql import victim as victim  # noqa: PLC0414
from tests.conftest import Database
from tests.integration.portal.conftest import portal_env as portal_env  # noqa: PLC0414
from voice_lab import waiting
from voiceprobe_operator.database import Database as OperatorsDatabase

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]


@pytest.fixture
def named_locks(attacker: Client, own_database: Database) -> Iterator[None]:
    """The attacker holds every lock whose name anybody ever used here, and tries to."""
    names = ["voice.migrate", "django.migrate", "voice.call", "voice_migration_lock", "voice_call_request_lock"]
    names += former_names(attacker.name)
    taking = ", ".join(f"GET_LOCK('{name}', 0)" for name in names)
    with beside(lambda: attacker.ask(f"SELECT {taking}, SLEEP(25)")):
        waiting.until(lambda: running(own_database, attacker.account), what="the locks are held", seconds=5)
        yield
        with closing(own_database.connect("operator")) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE user = %s", (attacker.account,))
            for (number,) in cursor.fetchall():
                cursor.execute("KILL %s", (number,))


def former_names(client: str) -> list[str]:
    """What the portal's *call now* took before."""
    return [f"voice.call.{hashlib.sha256(f'{client}/{probe}'.encode()).hexdigest()[:40]}" for probe in ("p", "q")]


def process(env: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


ASK = (
    "import django, sys, time; django.setup(); from datetime import timedelta;"
    "from voice_portal.cdr import callrequests as c;"
    "print(c.ask(sys.argv[1], sys.argv[2], 'somebody', timedelta(seconds=30)))"
)


@pytest.fixture
def portals(own_database: Database, portal_env: dict[str, str]) -> dict[str, str]:
    return {**portal_env, **own_database.environment("portal")}


@pytest.fixture
def database(own_database: Database) -> Database:
    """For `portal_env`."""
    return own_database


@pytest.mark.usefixtures("named_locks")
def test_a_lock_by_name_stops_no_call_now_and_no_migration(
    own_database: Database, portals: dict[str, str], attacker: Client
) -> None:
    asked = process(portals, "-c", ASK, attacker.name, "p")
    owners = {**portals, **own_database.environment("owner")}
    migrating = process(owners, "-m", "django", "migrate_once", "--wait", "1")
    assert asked.communicate(timeout=60)[0].strip() == "True"
    out, err = migrating.communicate(timeout=60)
    assert migrating.returncode == 0, err + out


def test_of_many_portals_that_ask_at_once_one_makes_the_request(
    own_database: Database, portals: dict[str, str], victim: Client
) -> None:
    asked = [process(portals, "-c", ASK, victim.name, "p") for _ in range(5)]
    answers = [one.communicate(timeout=120)[0].strip() for one in asked]
    assert sorted(answers) == ["False"] * 4 + ["True"]
    with closing(own_database.connect("owner")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM voice_call_request WHERE client = %s", (victim.name,))
        assert cursor.fetchone() == (1,)


def test_a_portal_that_is_killed_leaves_no_lock(portals: dict[str, str], victim: Client) -> None:
    holding = (
        "import django, sys, time; django.setup(); from voice_portal.cdr import callrequests as c\n"
        "with c._only_one(sys.argv[1], sys.argv[2]): print('held', flush=True); time.sleep(60)"
    )
    holder = process(portals, "-c", holding, victim.name, "q")
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == "held"
    held = process(portals, "-c", ASK, victim.name, "q")
    assert held.communicate(timeout=60)[0].strip() == "False", "it waits for it a while"
    holder.kill()
    holder.communicate()
    assert process(portals, "-c", ASK, victim.name, "q").communicate(timeout=60)[0].strip() == "True"


LOCKING: dict[str, Callable[[str], str]] = {
    "shared": lambda view: f"SELECT SLEEP(8) FROM (SELECT COUNT(*) n FROM {view} LOCK IN SHARE MODE) x",
    "exclusive": lambda view: f"SELECT SLEEP(8) FROM (SELECT COUNT(*) n FROM {view} FOR UPDATE) x",
    "serializable": lambda view: (
        "BEGIN NOT ATOMIC SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE; START TRANSACTION;"
        f" SELECT COUNT(*) FROM {view}; DO SLEEP(8); END"
    ),
    # MariaDB keeps the name of such a transaction when its connection ends, which the watch could then no longer end.
    "prepared": lambda view: (
        f"BEGIN NOT ATOMIC XA START '{view}'; SELECT COUNT(*) FROM {view} FOR UPDATE; XA END '{view}';"
        f" XA PREPARE '{view}'; END"
    ),
}


@pytest.mark.parametrize("view", ["client_call", "client_call_stream", "client_call_judged", "client_probe"])
@pytest.mark.parametrize("how", LOCKING)
def test_rows_that_a_viewer_locks_hold_up_no_write(
    own_database: Database, attacker: Client, victim: Client, how: str, view: str
) -> None:
    """Neither the attacker's own client's, nor those of one whose rows lie behind them, or are to lie between."""
    operators = OperatorsDatabase(reading.settings(own_database))
    row = {"client": attacker.name, "display_name": "x", "account": attacker.account, "time_zone": "UTC"}
    with (
        watched(own_database, every_s=2),
        closing(own_database.connect("sip")) as host,
        beside(lambda: attacker.ask(LOCKING[how](view))),
    ):
        time.sleep(0.3)
        for write in (
            lambda: victim.call(host),
            lambda: attacker.call(host),
            lambda: asyncio.run(operators.publish(attacker.name, row, (), ["p"])),
        ):
            began = time.monotonic()
            write()
            assert time.monotonic() - began < 5
    with closing(own_database.connect("owner")) as owner, owner.cursor() as cursor:
        # The next test counts three calls.
        cursor.execute(
            "DELETE FROM voice_call WHERE client = %s AND started_at > UTC_TIMESTAMP() - INTERVAL 30 MINUTE",
            (attacker.name,),
        )
        reading.plan(owner, attacker.name)
