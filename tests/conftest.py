"""Real services for the tests: the lab's own, started when a test first asks, shared by all test workers."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from voice_lab import context, guard, places, stack
from voice_lab.context import Lab
from voice_lab.services import cluster as cluster_service
from voice_lab.services import database as database_service
from voice_lab.services import grafana as grafana_service

if TYPE_CHECKING:
    import pymysql

INSTANCE = "test"

_held = pytest.StashKey[ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """Let go of what an earlier, killed run left, and keep other runs out; test workers have nothing to do."""
    if hasattr(config, "workerinput"):
        return
    held = ExitStack()
    config.stash[_held] = held
    if os.geteuid() == 0:
        held.enter_context(guard.only_one(INSTANCE))
        if earlier := context.load(INSTANCE):
            stack.down(earlier)
            (earlier.folder / "lab.json").unlink()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop every service that the tests started."""
    if _held not in config.stash:
        return
    if os.geteuid() == 0 and (lab := context.load(INSTANCE)):
        stack.down(lab)
    config.stash[_held].close()


@dataclass(frozen=True)
class Services:
    """The lab of this test run; asking for services starts those that do not run yet."""

    lock: FileLock

    def up(self, *names: str) -> Lab:
        """Return the lab with the named services, and what they require, running."""
        with self.lock:
            lab = context.load(INSTANCE) or stack.create(INSTANCE, portal_port=0)
            stack.up(lab, names)
        return lab


@pytest.fixture(scope="session")
def services() -> Services:
    """Access to the lab's services."""
    if os.geteuid() != 0:
        pytest.fail("tests with real services make network namespaces: run `make test`, which asks sudo for root")
    folder = places.cache() / "run"
    return Services(FileLock(folder / f"{INSTANCE}.start", timeout=600))


@dataclass(frozen=True)
class Database:
    """MariaDB with the schema migrated and the service accounts made."""

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


@pytest.fixture(scope="session")
def database(services: Services) -> Database:
    """MariaDB with the schema."""
    return Database(services.up("schema"))


@pytest.fixture(scope="session")
def cluster(services: Services) -> Cluster:
    """A Kubernetes API that serves VoiceProbes."""
    return Cluster(services.up("chart"))


@pytest.fixture(scope="session")
def grafana(services: Services) -> Grafana:
    """Grafana."""
    lab = services.up("grafana")
    return Grafana(lab.grafana_url, grafana_service.administrator(lab))


@pytest.fixture(scope="session")
def operator(services: Services) -> Lab:
    """The operator, running with its service account."""
    return services.up("operator")
