"""Real services for the tests: the lab's own, started when a test first asks, shared by all test workers.

There are two shared labs. In the whole one an operator works, which takes out of the plan what nobody declares: a test
that writes into the database by itself uses the other.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from filelock import FileLock
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.labs import VARIABLE, own_lab
from voice_lab import context, guard, places, processes, stack
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.services import cluster as cluster_service
from voice_lab.services import database as database_service
from voice_lab.services import grafana as grafana_service
from voice_lab.services import operator as operator_service

if TYPE_CHECKING:
    import pymysql

# How long an example takes tells of the machine's load, not of the code.
hypothesis.settings.register_profile("any-machine", deadline=None)
hypothesis.settings.load_profile("any-machine")

# Of the names of this run's labs. The process that runs pytest chooses the name; test workers inherit it.
PREFIX = "test-"
WHOLE = "-whole"

# A test that has one of these, or a fixture that needs them, is marked `database`.
DATABASE_FIXTURES = {"database", "own_database", "own_cluster", "operator", "system"}

# Each file in here takes a node of its own, with pods, which is enough for two processors: one file at a time.
PODS = "tests/pods/"

_held = pytest.StashKey[ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """Name this run's lab, and end what earlier runs that were killed left behind; workers are part of their run."""
    if os.geteuid() != 0:
        return
    config.stash[_held] = held = ExitStack()
    if hasattr(config, "workerinput"):
        held.enter_context(processes.marking(places.state(os.environ[VARIABLE])))
        return
    runs = places.cache() / "run"
    for earlier in runs.glob(f"{PREFIX}*.lock"):
        _end_if_abandoned(runs, earlier.stem)
    os.environ[VARIABLE] = name = f"{PREFIX}{os.getpid()}"
    for each in (name, name + WHOLE):
        held.enter_context(guard.only_one(each))
    held.enter_context(processes.marking(places.state(name)))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop every service that the tests started; their logs stay until the next run."""
    if _held not in config.stash or hasattr(config, "workerinput"):
        return
    for suffix in (WHOLE, ""):  # the second ends whatever else the run has started
        stack.clear(os.environ[VARIABLE] + suffix)
    config.stash[_held].close()


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Mark the tests that touch the database, which `make test-mysql` runs; put first what takes longest."""
    for item in items:
        if DATABASE_FIXTURES & set(item.fixturenames):
            item.add_marker("database")
    # Tests that wait for a service leave the processors to those that do not: so these come last, and fill the gaps.
    order = {"long": 0, "services": 1}

    def place(item: pytest.Function) -> int:
        if item.nodeid.startswith(PODS):
            return -1
        return min((order[mark] for mark in order if item.get_closest_marker(mark)), default=2)

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)  # there is none with `-p no:xdist`
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneNodeAtATime | None:
    """Give each worker whole files, and all files with nodes to one."""
    return OneNodeAtATime(config, log) if config.getvalue("dist") == "loadfile" else None


class OneNodeAtATime(LoadFileScheduling):
    """Files as ever; those of `PODS` are one."""

    def _split_scope(self, nodeid: str) -> str:
        return PODS if nodeid.startswith(PODS) else super()._split_scope(nodeid)


def _end_if_abandoned(runs: Path, instance: str) -> None:
    try:
        with guard.only_one(instance):
            if stack.clear(instance):
                return  # its records are needed to try again
            shutil.rmtree(runs / instance, ignore_errors=True)
            for suffix in ("start", "lock"):
                (runs / f"{instance}.{suffix}").unlink(missing_ok=True)
    except LabError:
        return  # its run is still going on


@dataclass(frozen=True)
class Services:
    """A lab of this test run; asking for services starts those that do not run yet."""

    name: str
    lock: FileLock

    def up(self, *names: str) -> Lab:
        """Return the lab with the named services, and what they require, running."""
        with self.lock:
            lab = context.load(self.name) or stack.create(self.name, portal_port=0)
            stack.up(lab, names)
        return lab


@pytest.fixture(scope="session")
def services() -> Services:
    """Access to the services of the lab in which no operator works."""
    return _services("")


@pytest.fixture(scope="session")
def whole() -> Services:
    """Access to the services of the lab in which the operator works, and everything else."""
    return _services(WHOLE)


def _services(suffix: str) -> Services:
    if os.geteuid() != 0:
        pytest.fail("tests with real services make network namespaces: run `make test`, which asks sudo for root")
    name = os.environ[VARIABLE] + suffix
    return Services(name, FileLock(places.cache() / "run" / f"{name}.start", timeout=600))


@dataclass(frozen=True)
class Database:
    """The database server with the schema migrated and the service accounts made."""

    lab: Lab
    host: str = "127.0.0.1"

    @property
    def port(self) -> int:
        return self.lab.ports["mysql"]

    def connect(self, account: str = "admin") -> pymysql.Connection[pymysql.cursors.Cursor]:
        """Open a connection as admin, owner, operator, portal or sip."""
        return database_service.connect(self.lab, account)

    def environment(self, account: str) -> dict[str, str]:
        """Return the VOICE_MYSQL_* settings of an account."""
        return database_service.environment(self.lab, account)


@dataclass(frozen=True)
class Cluster:
    """A Kubernetes API with the chart installed."""

    lab: Lab

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl as the administrator; raises LabError with kubectl's own words."""
        return cluster_service.kubectl(self.lab, *arguments, stdin=stdin)


@dataclass(frozen=True)
class Grafana:
    """A Grafana server."""

    url: str
    admin: tuple[str, str]

    @classmethod
    def of(cls, lab: Lab) -> Grafana:
        """That of `lab`."""
        return cls(lab.grafana_url, grafana_service.administrator(lab))


@pytest.fixture(scope="session")
def database(services: Services) -> Database:
    """The database server with the schema, in the lab without an operator."""
    return Database(services.up("schema"))


@pytest.fixture(scope="session")
def own_database(services: Services) -> Iterator[Database]:
    """A database server with the schema, of this test worker alone: no SIP host but a test's own shares its plan."""
    with own_lab("database", ("schema",)) as lab:
        yield Database(lab)


@pytest.fixture(scope="session")
def _own_cluster() -> Iterator[Lab]:
    with own_lab("operators", ("chart",)) as lab:
        yield lab


@pytest.fixture
def own_cluster(_own_cluster: Lab) -> Iterator[Lab]:
    """A lab with the chart, of this test worker alone: no operator works there but a test's own, which end with it."""
    yield _own_cluster
    for name in processes.names(_own_cluster.folder):
        if name.startswith(f"{operator_service.NAME}."):
            processes.stop(_own_cluster.folder, name)


@pytest.fixture(scope="session")
def cluster(whole: Services) -> Cluster:
    """A Kubernetes API that serves VoiceProbes."""
    return Cluster(whole.up("chart"))


@pytest.fixture(scope="session")
def grafana(services: Services) -> Grafana:
    """Grafana, in the lab without an operator."""
    return Grafana.of(services.up("grafana"))


@pytest.fixture(scope="session")
def operator(whole: Services) -> Lab:
    """The operator, running with its service account."""
    return whole.up("operator")
