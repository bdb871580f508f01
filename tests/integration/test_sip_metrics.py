"""What Prometheus is told while real calls are up, by the application as it runs on a host."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.test_sip_calls import ADDRESS, CLIENT, Records, application, plan_row
from tests.integration.test_sip_calls import environment as environment  # noqa: PLC0414 - a fixture
from tests.integration.test_sip_calls import records as records  # noqa: PLC0414 - a fixture
from tests.ports import free_port, free_udp_port
from tests.scrape import ask, samples

pytestmark = [pytest.mark.services, pytest.mark.long]

CALLS = "SELECT disposition, valid FROM voice_call WHERE client = %s"
SECRETS = ("sip-calls-test", "voice.example", "442071838750", "probe-1", "agent-7", "::1")


def listening(pid: int) -> set[int]:
    """The TCP ports that the process listens at."""
    sockets = set()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets.add(os.readlink(each))
        except FileNotFoundError:
            continue
    rows = [
        row.split() for name in ("tcp", "tcp6") for row in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
    ]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets}


def answers(port: int) -> bool:
    try:
        return ask(ADDRESS, port)[0] == 200
    except ConnectionRefusedError:
        return False


def until(port: int, key: tuple[str, ...], least: float, timeout_s: float = 20) -> dict[tuple[str, ...], float]:
    """A scrape in which `key` has come to `least`."""
    deadline = time.monotonic() + timeout_s
    while True:
        status, _, text = ask(ADDRESS, port)
        assert status == 200
        assert not [secret for secret in SECRETS if secret in text]
        found = samples(text)
        if found.get(key, 0) >= least:
            return found
        assert time.monotonic() < deadline, f"{key} is {found.get(key)} after {timeout_s} s"
        time.sleep(0.3)


def test_prometheus_is_told_what_the_database_is_told(records: Records, environment: dict[str, str], tmp_path: Path):
    port, receiver = free_port(ADDRESS), int(environment["VOICE_SIP_RECEIVER_PORT"])
    own = f"sip:+442071838750@[{ADDRESS}]:{receiver}"
    nobody = f"sip:[{ADDRESS}]:{free_udp_port(ADDRESS)}"
    records.plan(plan_row("good", own))
    records.plan(plan_row("malformed", "not a SIP URI"))
    records.plan(plan_row("registers", own, receiver_registrar=nobody, suspended=0, every_ms=3_600_000))
    settings = environment | {"VOICE_METRICS_ADDRESS": f"[{ADDRESS}]:{port}", "VOICE_MAX_CALLS": "7"}
    with application(settings, tmp_path / "log") as process, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as far:
        records.wait(CALLS, 1, 20)
        assert listening(process.pid) == {port}
        up = until(port, ("voice_sip_active_calls",), 1)
        assert up["voice_sip_max_calls",] == 7
        far.bind((ADDRESS, 0))
        for _ in range(3):
            far.sendto(b"not a message of SIP, but as long as one would be\r\n\r\n", (ADDRESS, receiver))
        far.sendto(a_stranger(receiver, far), (ADDRESS, receiver))
        until(port, ("voice_sip_unreadable_messages_total",), 3)
        until(port, ("voice_sip_unsolicited_calls_total",), 1)
        until(port, ("voice_sip_calls_total", "answered"), 2)
        before = records.all(CALLS)
        found = until(port, ("voice_sip_calls_total", "configuration_error"), 1)
        time.sleep(1)  # what is on disk by then is in the database
        after = records.all(CALLS)
    for disposition in ("answered", "configuration_error", "failed", "timeout"):
        fewest, most = (sum(row[0] == disposition for row in rows) for rows in (before, after))
        assert fewest <= found["voice_sip_calls_total", disposition] <= most, disposition
    assert found["voice_sip_invalid_calls_total",] == sum(not valid for _, valid in after)
    assert found["voice_sip_media_send_lag_seconds_count",] == found["voice_sip_calls_total", "answered"]
    assert found["voice_sip_plan_age_seconds",] < 10
    assert found["voice_sip_plan_probes",] >= 3
    assert (found["voice_sip_leases", "dialer"], found["voice_sip_leases", "receiver"]) >= (3, 1)
    assert found["voice_sip_lease_changes_total", "taken"] >= 4
    assert abs(found["voice_sip_clock_offset_seconds",]) < 1
    assert (found["voice_sip_dead_letters",], found["voice_sip_records_in_memory",]) == (0, 0)
    assert found["voice_sip_registrations", "registered"] == 0
    assert found["voice_sip_registrations", "pending"] + found["voice_sip_registrations", "failing"] == 1


def a_stranger(receiver: int, far: socket.socket) -> bytes:
    """An INVITE that calls a number of nobody's."""
    here = f"[{ADDRESS}]:{far.getsockname()[1]}"
    head = (
        f"INVITE sip:100@[{ADDRESS}]:{receiver} SIP/2.0", f"Via: SIP/2.0/UDP {here};branch=z9hG4bKmetrics;rport",
        f"From: <sip:scanner@{here}>;tag=1", f"To: <sip:100@[{ADDRESS}]:{receiver}>", "Call-ID: metrics",
        "CSeq: 1 INVITE", f"Contact: <sip:scanner@{here}>", "Max-Forwards: 70", "Content-Length: 0", "", "",
    )  # fmt: skip
    return "\r\n".join(head).encode()


def test_the_plan_ages_and_the_spool_grows_while_the_database_is_away(
    records: Records, environment: dict[str, str], tmp_path: Path
):
    records.plan(plan_row("good", f"sip:+442071838750@[{ADDRESS}]:{environment['VOICE_SIP_RECEIVER_PORT']}"))
    with application(environment, tmp_path / "log") as process:
        records.wait(CALLS, 1, 20)
        assert listening(process.pid) == set(), "off by default"
    port = free_port(ADDRESS)
    away = environment | {"VOICE_METRICS_ADDRESS": f"[{ADDRESS}]:{port}", "VOICE_MYSQL_PORT": "1"}
    with application(away, tmp_path / "log"):
        deadline = time.monotonic() + 10
        while not answers(port):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        until(port, ("voice_sip_spool_depth",), 1)
        found = until(port, ("voice_sip_plan_age_seconds",), 5)
        assert found["voice_sip_plan_probes",] >= 1
        assert ("voice_sip_clock_offset_seconds",) not in found


def test_an_address_that_is_taken_keeps_it_from_starting_and_is_said(environment: dict[str, str]):
    port = free_port(ADDRESS)
    with socket.create_server((ADDRESS, port), family=socket.AF_INET6):
        done = subprocess.run(
            [sys.executable, "-m", "voice_sipapp"], env=environment | {"VOICE_METRICS_ADDRESS": f"[{ADDRESS}]:{port}"},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert (
        f"can't start: no metrics at {ADDRESS} port {port}: Address already in use; set VOICE_METRICS_ADDRESS"
        in done.stderr
    )
    assert "Traceback" not in done.stderr
    assert CLIENT not in done.stdout
