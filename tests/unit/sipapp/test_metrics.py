"""What a SIP host tells Prometheus, and that whoever asks can do no more than ask."""

import contextlib
import gc
import os
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.ports import free_port
from tests.scrape import ask, samples
from voice_lab.places import CHECKOUT
from voice_sipapp import exporter, priority
from voice_sipapp.exporter import CONTENT_TYPE, LONGEST_OCTETS, MOST_CONNECTIONS, Exporter
from voice_sipapp.metrics import Metrics, Sources

ADDRESS = "::1"
SOURCES = Sources(
    active_calls=lambda: 3, spool_depth=lambda: 70, dead_letters=lambda: 2, records_in_memory=lambda: 1,
    recordings_waiting=lambda: 6, recordings_sent=lambda: 40, recordings_dropped=lambda: 8,
    unsolicited_calls=lambda: 12, unreadable_messages=lambda: 9, skipped_calls=lambda: 4,
    registrations=lambda: {"registered": 5, "failing": 1, "pending": 0}, plan_age_s=lambda: 1.5,
    clock_offset_ms=lambda: -250.0,
)  # fmt: skip


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[], bytes]], int]]:
    """Serves what it is given, at the port that it returns."""
    with contextlib.ExitStack() as stack:

        def start(exposition: Callable[[], bytes]) -> int:
            port = free_port(ADDRESS)
            server = Exporter(ADDRESS, port, exposition)
            server.start()
            stack.callback(server.stop)
            return port

        yield start


def test_a_scrape_tells_what_was_counted_and_what_is_asked(serve: Callable[[Callable[[], bytes]], int]):
    metrics = Metrics(SOURCES, max_calls=100)
    metrics.call("answered", valid=True, lag_ms=0.8)
    metrics.call("answered", valid=False, lag_ms=30.0)
    metrics.call("busy", valid=True, lag_ms=None)
    metrics.remote_call(proven=True)
    metrics.plan(2, [("acme", "sales", "dialer"), ("acme", "sales", "receiver")])
    metrics.plan(2, [("acme", "sales", "dialer"), ("acme", "fax", "dialer")])
    status, kind, text = ask(ADDRESS, serve(metrics.exposition))
    assert (status, kind) == (200, CONTENT_TYPE)
    found = samples(text)
    told = {
        ("voice_sip_calls_total", "answered"): 2, ("voice_sip_calls_total", "busy"): 1,
        ("voice_sip_calls_total", "timeout"): 0, ("voice_sip_invalid_calls_total",): 1,
        ("voice_sip_remote_calls_total", "header"): 1, ("voice_sip_remote_calls_total", "number"): 0,
        ("voice_sip_media_send_lag_seconds_bucket", "0.001"): 1,
        ("voice_sip_media_send_lag_seconds_bucket", "0.02"): 1,
        ("voice_sip_media_send_lag_seconds_bucket", "0.05"): 2, ("voice_sip_media_send_lag_seconds_count",): 2,
        ("voice_sip_leases", "dialer"): 2, ("voice_sip_leases", "receiver"): 0,
        ("voice_sip_lease_changes_total", "taken"): 3, ("voice_sip_lease_changes_total", "left"): 1,
        ("voice_sip_plan_probes",): 2, ("voice_sip_plan_age_seconds",): 1.5, ("voice_sip_max_calls",): 100,
        ("voice_sip_active_calls",): 3, ("voice_sip_spool_depth",): 70, ("voice_sip_dead_letters",): 2,
        ("voice_sip_recordings_waiting",): 6, ("voice_sip_recordings_sent_total",): 40,
        ("voice_sip_recordings_dropped_total",): 8, ("voice_sip_records_in_memory",): 1,
        ("voice_sip_unsolicited_calls_total",): 12,
        ("voice_sip_unreadable_messages_total",): 9, ("voice_sip_skipped_calls_total",): 4,
        ("voice_sip_registrations", "registered"): 5, ("voice_sip_registrations", "failing"): 1,
        ("voice_sip_registrations", "pending"): 0, ("voice_sip_clock_offset_seconds",): -0.25,
    }  # fmt: skip
    assert {key: found[key] for key in told} == told
    assert found["process_resident_memory_bytes",] > 1_000_000


def test_no_label_is_as_good_as_a_name_of_anybody():
    metrics = Metrics(SOURCES, max_calls=100)
    before = len(samples(metrics.exposition().decode()))
    metrics.plan(1000, [(f"client-{n}", f"probe-{n}", "dialer") for n in range(1000)])
    for disposition in ("answered", "failed", "interrupted"):
        metrics.call(disposition, valid=True, lag_ms=1.0)
    text = metrics.exposition().decode()
    assert len(samples(text)) == before, "every series is there from the start, and no more come"
    assert "client-" not in text
    assert "probe-" not in text


def test_every_disposition_of_the_table_is_a_series():
    from voice_portal.cdr.migrations import _ddl_0001

    lines = Path(_ddl_0001.__file__).read_text(encoding="utf-8").splitlines()
    column = next(line for line in lines if line.strip().startswith("disposition     ENUM("))
    text = Metrics(SOURCES, max_calls=1).exposition().decode()
    told = {key[1] for key in samples(text) if key[0] == "voice_sip_calls_total"}
    assert told == set(column.partition("(")[2].partition(")")[0].replace("'", "").split(","))


def test_the_documentation_names_every_metric_and_no_other():
    page = (CHECKOUT / "docs" / "sip-host.md").read_text(encoding="utf-8")
    named = {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\bvoice_sip_[a-z_]+", page)}
    named -= {"voice_sip_host"}  # a table
    found = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(Metrics(SOURCES, max_calls=1).exposition().decode())
        if family.name.startswith("voice_sip_") and not family.name.endswith("_created")
    }
    assert named == found


def test_the_example_rules_are_in_the_form_of_prometheus():
    page = (CHECKOUT / "docs" / "sip-host.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(groups:.*?)```", page, re.DOTALL)
    (group,) = yaml.safe_load(block)["groups"]
    for rule in group["rules"]:
        assert set(rule) <= {"alert", "expr", "for"}
        assert rule["expr"].count("(") == rule["expr"].count(")")
        assert rule["expr"].count("[") == rule["expr"].count("]")


@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk I/O error"), OSError("gone")])
def test_what_the_disk_does_not_tell_is_nan_and_the_rest_is_told(error: Exception, caplog: pytest.LogCaptureFixture):
    def broken() -> int:
        raise error

    found = samples(Metrics(replace(SOURCES, spool_depth=broken), max_calls=1).exposition().decode())
    assert found["voice_sip_spool_depth",] != found["voice_sip_spool_depth",]
    assert found["voice_sip_active_calls",] == 3
    assert "voice_sip_spool_depth can't be told" in caplog.text


def test_a_clock_that_was_not_compared_yet_has_no_offset():
    text = Metrics(replace(SOURCES, clock_offset_ms=lambda: None), max_calls=1).exposition().decode()
    assert ("voice_sip_clock_offset_seconds",) not in samples(text)


def test_an_error_of_ours_is_500_and_said_and_the_thread_goes_on(
    serve: Callable[[Callable[[], bytes]], int], caplog: pytest.LogCaptureFixture
):
    def wrong() -> bytes:
        raise ZeroDivisionError

    port = serve(wrong)
    assert ask(ADDRESS, port)[0] == 500
    assert "the metrics can't be made" in caplog.text
    assert ask(ADDRESS, port, "/")[0] == 404


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/metrics?name[]=x", 200), ("HEAD", "/metrics", 200), ("GET", "/", 404), ("GET", "/metrics/x", 404),
    ("POST", "/metrics", 405), ("DELETE", "/metrics", 405),
])  # fmt: skip
def test_only_metrics_are_answered(serve: Callable[[Callable[[], bytes]], int], method: str, path: str, status: int):
    found, _, body = ask(ADDRESS, serve(lambda: b"up 1\n"), path, method)
    assert (found, body == "up 1\n") == (status, (method, status) == ("GET", 200))


def raw(port: int, octets: bytes) -> bytes:
    """All that comes back for `octets`, until the far side hangs up."""
    with socket.create_connection((ADDRESS, port), timeout=10) as connection:
        connection.sendall(octets)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65536):
                answer += part
        return answer


@pytest.mark.parametrize("octets", [
    b"\r\n\r\n", b"\x16\x03\x01\x02\r\n\r\n", b"GET /metrics\r\n\r\n", b"INVITE sip:a@b SIP/2.0\r\n\r\n",
    b"GET metrics HTTP/1.1\r\n\r\n",
])  # fmt: skip
def test_what_is_no_request_is_400(serve: Callable[[Callable[[], bytes]], int], octets: bytes):
    assert raw(serve(lambda: b"up 1\n"), octets).startswith(b"HTTP/1.1 400 ")


def test_a_head_without_end_is_hung_up_on(serve: Callable[[Callable[[], bytes]], int]):
    port = serve(lambda: b"up 1\n")
    assert raw(port, b"GET /metrics HTTP/1.1\r\nX: " + b"x" * (2 * LONGEST_OCTETS)) == b""
    assert ask(ADDRESS, port)[0] == 200


def test_who_says_nothing_is_hung_up_on_and_keeps_nobody_waiting(
    serve: Callable[[Callable[[], bytes]], int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(exporter, "LONGEST_S", 0.5)
    port = serve(lambda: b"up 1\n")
    with socket.create_connection((ADDRESS, port), timeout=5) as silent:
        silent.sendall(b"GET /metr")
        assert ask(ADDRESS, port)[0] == 200
        began = time.monotonic()
        assert silent.recv(1) == b""
        assert time.monotonic() - began < 3


def test_more_than_a_few_at_once_are_turned_away_and_later_ones_served(
    serve: Callable[[Callable[[], bytes]], int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(exporter, "LONGEST_S", 1.0)
    port = serve(lambda: b"up 1\n")
    with contextlib.ExitStack() as stack:
        for _ in range(MOST_CONNECTIONS):
            stack.enter_context(socket.create_connection((ADDRESS, port), timeout=5))
        time.sleep(0.2)
        assert raw(port, b"GET /metrics HTTP/1.1\r\n\r\n") == b""
    deadline = time.monotonic() + 5
    while raw(port, b"GET /metrics HTTP/1.1\r\n\r\n") == b"":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_who_does_not_read_holds_nothing_for_long(
    serve: Callable[[Callable[[], bytes]], int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(exporter, "LONGEST_S", 0.5)
    port = serve(lambda: b"x" * 50_000_000)
    with socket.create_connection((ADDRESS, port), timeout=5) as lazy:
        lazy.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        time.sleep(1.5)
        read = 0
        with contextlib.suppress(ConnectionResetError):
            while part := lazy.recv(1 << 20):
                read += len(part)
        assert read < 50_000_000


def test_a_page_is_made_once_a_second_at_most(serve: Callable[[Callable[[], bytes]], int]):
    made = []

    def page() -> bytes:
        made.append(time.monotonic())
        return b"up 1\n"

    port = serve(page)
    began = time.monotonic()
    for _ in range(30):
        assert ask(ADDRESS, port)[0] == 200
    assert len(made) <= 1 + (time.monotonic() - began)


def test_the_thread_goes_behind_media_and_signalling(serve: Callable[[Callable[[], bytes]], int]):
    """Real-time if this process may be, and last of its threads: an ordinary one that holds Python's lock would be
    kept from a busy machine's processor, and all others with it.
    """
    taken: list[tuple[str, int]] = []
    original = priority.take
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(priority, "take", lambda each: (taken.append((threading.current_thread().name, each)),
                                                        original(each)))  # fmt: skip
        ask(ADDRESS, serve(lambda: b""))
    assert taken == [("metrics", priority.SCORING)]
    assert priority.SCORING < priority.USUAL < priority.MEDIA
    assert os.sched_getscheduler(0) in (os.SCHED_OTHER, os.SCHED_RR)


def test_an_address_that_is_taken_is_told_with_what_to_do(serve: Callable[[Callable[[], bytes]], int]):
    port = serve(lambda: b"")
    with pytest.raises(OSError, match=f"no metrics at ::1 port {port}: Address already in use; set VOICE_METRICS_ADD"):
        Exporter(ADDRESS, port, lambda: b"")


def test_an_address_of_somebody_else_is_told():
    with pytest.raises(OSError, match=r"no metrics at 192\.0\.2\.1 port 9464: .*an address of this host"):
        Exporter("192.0.2.1", 9464, lambda: b"")


def test_it_ends_when_told_whether_it_ran_or_not():
    port = free_port(ADDRESS)
    Exporter(ADDRESS, port, lambda: b"").stop()
    made: Any = Exporter(ADDRESS, port, lambda: b"")
    made.start()
    with socket.create_connection((ADDRESS, port), timeout=5):
        made.stop()
    assert not made.is_alive()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((ADDRESS, port), timeout=5)


def test_whoever_comes_while_it_ends_is_hung_up_on_and_nothing_is_left_open():
    """What is left open is warned of where it is collected, and here a warning is an error."""
    for _ in range(30):
        port = free_port(ADDRESS)
        made: Any = Exporter(ADDRESS, port, lambda: b"")
        made.start()
        with contextlib.ExitStack() as stack:
            for _ in range(MOST_CONNECTIONS):
                stack.enter_context(socket.create_connection((ADDRESS, port), timeout=5))
            made.stop()
        assert not made.is_alive()
        gc.collect()
