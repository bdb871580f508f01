"""The SIP application as a subject of `bench.load`: both parties of its calls, and everything done about them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import load, plan
from voice_lab import processes, waiting
from voice_lab.context import Lab
from voice_lab.services import network, sip_host

CLIENT = "bench-sip"
CALL_S, EVERY_S = 30, 33
"""Calls end, are scored and written, and begin again, as those of real probes do."""

HEARTBEAT = "SELECT 1 FROM voice_sip_host WHERE sip_host = %(host)s"
RECORDS = """
SELECT COUNT(*) AS streams, SUM(rtp_expected) AS expected, SUM(rtp_lost) AS lost, SUM(NOT valid) AS invalid,
  SUM(rtp_discarded) AS discarded FROM voice_call_stream WHERE client = %(client)s
"""


class Prober:
    """The running application; see `load.Subject`."""

    name = "sip-application"
    one_in = 1
    listens = True

    def __init__(self, lab: Lab, pid: int) -> None:
        self.pids = [pid]
        self._lab = lab
        self._probes = 0

    def add(self, calls: int) -> None:
        """Publish as many probes as keep so many more calls up."""
        first, count = self._probes, round(calls * EVERY_S / CALL_S)
        self._probes += count
        destination = f"sip:bench@[{network.PLAN.receiver}]:{network.PLAN.receiver_port}"
        plan.add(
            self._lab,
            [
                plan.row(CLIENT, f"probe-{at}", destination=destination, every_ms=EVERY_S * 1000,
                         duration_ms=CALL_S * 1000)
                for at in range(first, first + count)
            ],
        )  # fmt: skip

    def settles_s(self, _calls: int) -> float:
        """Until it has read the plan, and called every probe once."""
        return EVERY_S + 5

    def started_processes(self) -> int:
        """Its child processes, and page faults of those that it has waited for: does not grow where none is started."""
        pid = self.pids[0]
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
        return int(fields[8]) + sum(map(len, children))


@contextmanager
def running(lab: Lab) -> Iterator[Prober]:
    """The application on its core, with a database that it reaches as a SIP host does."""
    folder = lab.folder / "bench-sip"
    folder.mkdir(exist_ok=True)
    environment = sip_host.environment(lab) | {
        "VOICE_SIP_HOST": CLIENT,
        "VOICE_CALL_KEY": "",
        "VOICE_SPOOL": str(folder / "spool.sqlite"),
        "VOICE_RTP_PORTS": "10000-49998",
        "VOICE_MAX_CALLS": "10000",
        "VOICE_CALLS_PER_SECOND": "100",
    }
    name = f"bench-{Prober.name}"
    pid = load.start(lab, name, load.pinned(sys.executable, "-m", "voice_sipapp"), env=environment)
    try:
        waiting.until(
            lambda: bool(plan.records(lab, HEARTBEAT, {"host": CLIENT})), what="the application's heartbeat", seconds=30
        )
        yield Prober(lab, pid)
    finally:
        plan.withdraw(lab, CLIENT)
        processes.stop(lab.folder, name)
