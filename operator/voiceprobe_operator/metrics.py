"""What the operator counts of itself, for Prometheus. No label ever holds a name of a client, a probe or an object."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
Kind = Literal["plan", "account", "datasource", "folder", "dashboard", "alerting"]
Far = Literal["grafana", "kubernetes", "mysql"]
Reason = Literal["time", "memory", "locks"]

_RECONCILES = Histogram(
    "voice_operator_reconcile_seconds",
    "Time that looking at one client took, by how it ended: done, retried (something outside failed), failed",
    ["result"],
    buckets=_BUCKETS,
    registry=REGISTRY,
)
_REQUESTS = Histogram(
    "voice_operator_request_seconds",
    "Time that each request took; code: HTTP's, for MySQL ok or the error's class, none without an answer",
    ["server", "call", "code"],
    buckets=_BUCKETS,
    registry=REGISTRY,
)
_CORRECTED = Counter(
    "voice_operator_drift_corrected_total",
    "Things that were not as declared although nobody had declared anything new, and were put right",
    ["kind"],
    registry=REGISTRY,
)
_READERS_ENDED = Counter(
    "voice_operator_readers_ended_total",
    "Connections of read accounts that were ended: over the limit of time or memory, or holding locks",
    ["reason"],
    registry=REGISTRY,
)
_PROBES = Gauge("voice_operator_probes", "Probes by their health", ["health"], registry=REGISTRY)
_LEADER = Gauge("voice_operator_leader", "1 in the replica that works, 0 in one that stands by", registry=REGISTRY)
_QUEUE = Gauge("voice_operator_queue_depth", "Clients that wait to be looked at", registry=REGISTRY)
_BACKING_OFF = Gauge(
    "voice_operator_queue_backing_off", "Clients that wait for another try after a failure", registry=REGISTRY
)
_RESYNC_AGE = Gauge(
    "voice_operator_resync_age_seconds", "Time since everything was last compared, or that failed", registry=REGISTRY
)
_BUILD = Gauge("voice_operator_build_info", "Always 1", ["version", "python"], registry=REGISTRY)

# Words of the paths that are asked for. Anything else is an id or a name, and becomes {}.
# fmt: off
_WORDS = frozenset({
    "api", "apis", "v1", "v1alpha1", "voicequality.io", "coordination.k8s.io", "namespaces", "voiceprobes",
    "voiceclients", "numberallotments", "status", "secrets", "events", "leases",
    "health", "org", "orgs", "user", "users", "name", "lookup", "admin", "datasources", "uid", "folders", "permissions",
    "search", "dashboards", "db", "provisioning", "alert-rules", "rule-groups", "folder", "contact-points", "policies",
    "ruler",
})
# fmt: on


class Call:
    """One request under way; `code` is what came of it."""

    code = "none"


@contextmanager
def request(server: Far, call: str) -> Iterator[Call]:
    """Measure what is done inside: one request to `server`. What is asked is a `route` or a fixed name."""
    one, began = Call(), time.perf_counter()
    try:
        yield one
    finally:
        _REQUESTS.labels(server, call, one.code).observe(time.perf_counter() - began)


def route(method: str, path: str) -> str:
    """A request as a label: its method and its path without any id, so that there are few of them."""
    return f"{method} " + "/".join(word if word in _WORDS or not word else "{}" for word in path.split("/"))


@contextmanager
def reconciling(is_passing: type[Exception]) -> Iterator[None]:
    """Measure what is done inside: looking at one client. An `is_passing` error is one that may pass by itself."""
    result, began = "failed", time.perf_counter()
    try:
        yield
        result = "done"
    except is_passing:
        result = "retried"
        raise
    finally:
        _RECONCILES.labels(result).observe(time.perf_counter() - began)


def corrected(kind: Kind, count: int = 1) -> None:
    """So many things of a kind were put right."""
    if count:
        _CORRECTED.labels(kind).inc(count)


def reader_ended(reason: Reason) -> None:
    """A connection of a read account was ended."""
    _READERS_ENDED.labels(reason).inc()


def probes(by_health: Mapping[str, int]) -> None:
    """How many probes there are of each health."""
    _PROBES.clear()
    for health, count in by_health.items():
        _PROBES.labels(health).set(count)


def watch(
    *, leads: Callable[[], bool], queued: Callable[[], int], backing_off: Callable[[], int], age: Callable[[], float]
) -> None:
    """Where to look, whenever somebody asks, for what is not counted."""
    _LEADER.set_function(leads)
    _QUEUE.set_function(queued)
    _BACKING_OFF.set_function(backing_off)
    _RESYNC_AGE.set_function(age)


def exposition() -> bytes:
    """Everything, as Prometheus reads it (text format 0.0.4)."""
    return generate_latest(REGISTRY)


def _version() -> str:
    try:
        return version("voice-quality-reporting")
    except PackageNotFoundError:
        return "unknown"


_BUILD.labels(_version(), platform.python_version()).set(1)
for _kind in get_args(Kind):
    # From the start: a rise from nothing to one is not seen by rate().
    _CORRECTED.labels(_kind)
for _reason in get_args(Reason):
    _READERS_ENDED.labels(_reason)
