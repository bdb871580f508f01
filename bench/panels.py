"""What each panel of the dashboards costs the database, with 1,000 probes and a million calls."""

from __future__ import annotations

import argparse
import re
import sys
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from bench.figures import figure, median_ms
from bench.probestate import MAKE_CALLS, MAKE_PROBES, MAKE_STREAMS, MANY
from voice_lab import progress, root, stack
from voice_lab.services import database, registry
from voiceprobe_operator.dashboards.queries import fleet, overview, probe
from voiceprobe_operator.dashboards.zones import changes

if TYPE_CHECKING:
    from pymysql.cursors import Cursor

# A client of 20 probes; and one that has all thousand, which is the worst case.
CLIENT, PROBE = "c-7", "p-145"
# A question that takes longer is asked once.
MANY_TIMES_MS = 3000
PATIENCE_S = 600
DAY, MONTH = 86_400, 28 * 86_400

OVERVIEW = {
    "counts": overview.counts(),
    "rates": overview.rates_of_all(),
    "timeline": overview.timeline(),
    "probes": overview.probes(),
    "mos": overview.mos(),
    "mos_of_worst": overview.mos_of_worst(),
    "worst_calls": overview.worst_calls(),
    "shares": overview.shares(),
    "outcomes": overview.outcomes_of_all(),
}
OF_PROBE = {
    "state": probe.state(PROBE, "mos"),
    "rates": probe.rates_of(PROBE),
    "mos": probe.streams(PROBE, "mos_cq", low_is_bad=True),
    "loss": probe.loss(PROBE),
    "post_dial_delay": probe.post_dial_delay(PROBE),
    "outcomes": probe.outcomes_of(PROBE),
    "shares": probe.shares_of(PROBE),
    "heat_map": probe.heat_map(PROBE, changes("Europe/London")),
    "calls": probe.calls(PROBE),
}
FLEET = {
    "counts": fleet.counts(),
    "rates": fleet.rates_of_all(),
    "hosts": fleet.hosts(),
    "clients": fleet.clients(),
    "worst_probes": fleet.worst_probes(),
    "calls_by_host": fleet.calls_by_host(),
    "invalid_by_host": fleet.invalid_by_host(),
    "outcomes": fleet.outcomes_of_all(),
}


def as_grafana(sql: str, seconds: int, interval: int = 900) -> str:
    """The statement with Grafana's macros filled in for the last so many seconds."""
    sql = sql.replace("$__interval", str(interval))
    sql = re.sub(
        r"\$__timeFilter\((.*?)\)", rf"\1 BETWEEN UTC_TIMESTAMP() - INTERVAL {seconds} SECOND AND UTC_TIMESTAMP()", sql
    )
    sql = re.sub(r"\$__timeGroupAlias\((.*?), (\d+)\)", r"UNIX_TIMESTAMP(\1) DIV \2 * \2 AS `time`", sql)
    return re.sub(r"\$__timeGroup\((.*?), (\d+)\)", r"UNIX_TIMESTAMP(\1) DIV \2 * \2", sql)


def main() -> None:
    """Start a database, fill it, ask every panel as one client, as the largest there can be, and as the staff."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=MANY, help=f"calls of each of the 1000 probes ({MANY})")
    parser.add_argument("--explain", action="store_true", help="print how the server means to answer, too")
    options = parser.parse_args()
    root.become(lambda: stack.install(registry()), "bench.panels", [])
    with stack.running("bench-panels") as lab:
        stack.up(lab, ["schema"])
        with closing(database.connect(lab, "admin", patience_s=PATIENCE_S)) as admin, admin.cursor() as cursor:
            # Room for every row, as a server of that size has: the lab's own is made for few.
            cursor.execute("SET GLOBAL innodb_buffer_pool_size = 4 * 1024 * 1024 * 1024")
            fill(cursor, options.calls)
            with closing(database.connect(lab, "owner", patience_s=PATIENCE_S)) as owner, owner.cursor() as definer:
                # The views' definer sees a client's rows if it is that client's account: then it may EXPLAIN, too.
                measure(definer, "20_probes", OVERVIEW, explain=options.explain)
                measure(definer, "1_probe", OF_PROBE, explain=options.explain)
                measure(definer, "fleet", FLEET, explain=options.explain)
                give_all_to_one(cursor)
                measure(definer, "1000_probes", OVERVIEW, explain=options.explain)


def fill(cursor: Cursor, calls: int) -> None:
    """Make the probes of 50 clients, and so many calls of each probe, a minute apart."""
    cursor.execute(MAKE_PROBES)
    cursor.execute(
        "INSERT INTO voice_client (client, display_name, account, updated_at)"
        " SELECT DISTINCT client, client, IF(client = %s, 'voice_owner', NULL), UTC_TIMESTAMP(3) FROM voice_probe",
        (CLIENT,),
    )
    with progress.step("calls", f"making 1000 x {calls}"):
        for begin in range(1, calls + 1, 100):
            cursor.execute(MAKE_CALLS % (begin, min(begin + 99, calls)))
            cursor.execute(MAKE_STREAMS % (begin - 1))
    for table in ("voice_call", "voice_call_stream"):
        cursor.execute(f"ANALYZE TABLE {table}")


def give_all_to_one(cursor: Cursor) -> None:
    """Make every probe and call that of one client, the largest there can be."""
    cursor.execute("SELECT client FROM voice_client WHERE client <> %s", (CLIENT,))
    others = [row[0] for row in cursor.fetchall()]
    for table in ("voice_call", "voice_call_stream", "voice_probe"):
        for other in others:
            cursor.execute(
                f"UPDATE {table} SET client = %s WHERE client = %s",  # noqa: S608 - names of this file
                (CLIENT, other),
            )
        cursor.execute(f"ANALYZE TABLE {table}")


def measure(cursor: Cursor, who: str, questions: dict[str, str], *, explain: bool) -> None:
    """Print what each statement takes."""
    for name, sql in questions.items():
        text = as_grafana(sql, MONTH if "heat" in name else DAY, 900)
        began = time.perf_counter()
        ask(cursor, text)
        took = (time.perf_counter() - began) * 1000
        if took < MANY_TIMES_MS:
            took = median_ms(partial(ask, cursor, text), times=3)
        figure(f"panel_{who}_{name}_ms", took, "ms")
        if explain:
            cursor.execute(f"EXPLAIN {text}")
            for row in cursor.fetchall():
                sys.stderr.write(f"    {row}\n")


def ask(cursor: Cursor, sql: str) -> object:
    """Ask, and read the whole answer."""
    cursor.execute(sql)
    return cursor.fetchall()


if __name__ == "__main__":
    main()
