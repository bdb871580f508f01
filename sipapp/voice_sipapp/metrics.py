"""What a SIP host tells Prometheus of itself. No label ever holds a name of a client, a probe, a number or an address:
who may scrape a host is not asked who he is.
"""

import logging
import math
import platform
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from voice_sipapp import __version__

Disposition = Literal[
    "answered", "busy", "no_answer", "failed", "timeout", "interrupted", "configuration_error"
]  # fmt: skip
"""Those of `voice_call` (docs/cdr.md)."""

_LAGS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
"""20 ms is where a direction stops to be valid."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where to look, whenever somebody scrapes, for what is not counted here; called in the exporter's thread.

    `registrations` are numbers of receivers by state, `plan_age_s` is since when the database has not told the plan,
    `clock_offset_ms` how far this host's clock is ahead of the database's (None: not known).
    """

    active_calls: Callable[[], int]
    spool_depth: Callable[[], int]
    dead_letters: Callable[[], int]
    records_in_memory: Callable[[], int]
    recordings_waiting: Callable[[], int]
    recordings_sent: Callable[[], int]
    recordings_dropped: Callable[[], int]
    unsolicited_calls: Callable[[], int]
    unreadable_messages: Callable[[], int]
    skipped_calls: Callable[[], int]
    registrations: Callable[[], Mapping[str, int]]
    plan_age_s: Callable[[], float]
    clock_offset_ms: Callable[[], float | None]


class Metrics:
    """The metrics of one SIP host that may have `max_calls` up. Its methods may be called from any thread."""

    def __init__(self, sources: Sources, max_calls: int) -> None:
        self._registry = registry = CollectorRegistry()
        self._held: frozenset[tuple[str, str, str]] = frozenset()
        ProcessCollector(registry=registry)
        registry.register(_Asked(sources))
        self._calls = Counter(
            "voice_sip_calls_total", "Calls of this host's dialer that are over, by how they ended", ["disposition"],
            registry=registry,
        )  # fmt: skip
        self._invalid = Counter(
            "voice_sip_invalid_calls_total",
            "Calls that count nowhere, for this host or the receiver's was at fault", registry=registry,
        )  # fmt: skip
        self._remote = Counter(
            "voice_sip_remote_calls_total",
            "Calls of other hosts' dialers that this host received, by what told whose they were",
            ["recognised_by"], registry=registry,
        )  # fmt: skip
        self._lag = Histogram(
            "voice_sip_media_send_lag_seconds", "How late the latest packet of each call left", buckets=_LAGS_S,
            registry=registry,
        )  # fmt: skip
        self._leases = Gauge("voice_sip_leases", "Leases that are held", ["party"], registry=registry)
        self._changes = Counter(
            "voice_sip_lease_changes_total", "Leases that were taken, and that were given back or lost", ["change"],
            registry=registry,
        )  # fmt: skip
        self._probes = Gauge("voice_sip_plan_probes", "Probes in the plan, of all hosts", registry=registry)
        Gauge("voice_sip_max_calls", "Calls that may be up at once", registry=registry).set(max_calls)
        build = Gauge("voice_sip_build_info", "Always 1", ["version", "python"], registry=registry)
        build.labels(__version__, platform.python_version()).set(1)
        self._begin()

    def _begin(self) -> None:
        """Show every series from the start: a rise from nothing to one is not seen by rate()."""
        for disposition in get_args(Disposition):
            self._calls.labels(disposition)
        for recognised_by in ("header", "number"):
            self._remote.labels(recognised_by)
        for party in ("dialer", "receiver"):
            self._leases.labels(party).set(0)
        for change in ("taken", "left"):
            self._changes.labels(change)

    def call(self, disposition: str, *, valid: bool, lag_ms: float | None) -> None:
        """The record of a call is on disk. `lag_ms`: how late its latest packet left (None: none did)."""
        self._calls.labels(disposition).inc()
        if not valid:
            self._invalid.inc()
        if lag_ms is not None:
            self._lag.observe(lag_ms / 1000)

    def remote_call(self, *, proven: bool) -> None:
        """The part of a call of another host is on disk; `proven`: its header told which it is."""
        self._remote.labels("header" if proven else "number").inc()

    def plan(self, probes: int, held: Iterable[tuple[str, str, str]]) -> None:
        """There are so many probes in the plan, and this host holds these leases (client, probe, party)."""
        before, self._held = self._held, frozenset(held)
        self._changes.labels("taken").inc(len(self._held - before))
        self._changes.labels("left").inc(len(before - self._held))
        self._probes.set(probes)
        for party in ("dialer", "receiver"):
            self._leases.labels(party).set(sum(lease[2] == party for lease in self._held))

    def exposition(self) -> bytes:
        """Everything, as Prometheus reads it (text format 0.0.4)."""
        return generate_latest(self._registry)


class _Asked(Collector):
    """What is asked of its sources at each scrape. What can't be had is NaN, and the log says why."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def describe(self) -> list[Metric]:
        """Nothing: registering must not ask."""
        return []

    def collect(self) -> Iterator[Metric]:
        """One metric after the other."""
        sources = self._sources
        for name, text, ask in (
            ("active_calls", "Calls that are up that are ours for certain", sources.active_calls),
            ("spool_depth", "Records and receivers' parts that wait for the database", sources.spool_depth),
            ("dead_letters", "Records that were put aside, for the database refuses them", sources.dead_letters),
            ("records_in_memory", "Records that the disk would not take yet", sources.records_in_memory),
            ("recordings_waiting", "Recordings that wait to be sent to the database", sources.recordings_waiting),
            ("plan_age_seconds", "Time since the plan was last read from the database", sources.plan_age_s),
        ):
            yield GaugeMetricFamily(f"voice_sip_{name}", text, _asked(name, ask))
        for name, text, ask in (
            ("unsolicited_calls", "Calls that were refused, hung up on or dropped as nobody's of ours",
             sources.unsolicited_calls),
            ("unreadable_messages", "Datagrams at the SIP ports that were not understood, or more than is looked at",
             sources.unreadable_messages),
            ("skipped_calls", "Calls that this host's limits gave no turn", sources.skipped_calls),
            ("recordings_sent", "Recordings that the database has got", sources.recordings_sent),
            ("recordings_dropped", "Recordings that were to be sent and stay on this host", sources.recordings_dropped),
        ):  # fmt: skip
            yield CounterMetricFamily(f"voice_sip_{name}_total", text, _asked(name, ask))
        if (offset_ms := _asked("clock_offset_seconds", sources.clock_offset_ms)) is not None:
            text = "How far this host's clock is ahead of the database's"
            yield GaugeMetricFamily("voice_sip_clock_offset_seconds", text, offset_ms / 1000)
        states = GaugeMetricFamily("voice_sip_registrations", "Receivers at registrars, by state", labels=["state"])
        for state, count in sources.registrations().items():
            states.add_metric([state], count)
        yield states


def _asked(name: str, ask: Callable[[], float | None]) -> float | None:
    try:
        return ask()
    except (sqlite3.Error, OSError) as error:  # the disk: the others are worth the more
        log.warning("the metric voice_sip_%s can't be told: %s", name, error)
        return math.nan
