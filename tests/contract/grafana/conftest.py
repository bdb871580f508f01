"""The server that the contract is held against, and organisations and users of a test's own on it.

Nothing here knows whether a real Grafana answers or the lab's stand-in. Tests share the server with each other and with
other tests: each works in organisations of its own, and reads nothing of what it did not make.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from filelock import FileLock

from tests.conftest import Database, Grafana, Services
from tests.contract.grafana.server import Server
from tests.contract.grafana.source import Schema, schema
from tests.contract.grafana.world import Maker, Org, Pool, User, making


@pytest.fixture(scope="session")
def server(services: Services, grafana: Grafana) -> Iterator[Server]:
    """Whichever of the two is there."""
    lab = services.up("grafana")
    key, mail = lab.folder / "pki" / "portal.key", lab.ports["mail"]
    tested = Server(grafana.url, f"{lab.portal_url}/grafana/", grafana.admin, key, mail)
    with tested.http:
        yield tested


@pytest.fixture
def maker(server: Server) -> Iterator[Maker]:
    """Makes what one test needs."""
    with making(server) as maker:
        yield maker


@pytest.fixture(scope="module")
def module_maker(server: Server) -> Iterator[Maker]:
    """Makes what the tests of one file share."""
    with making(server) as maker:
        yield maker


@pytest.fixture
def org(maker: Maker) -> Org:
    """An organisation of the test's own."""
    return maker.org()


@pytest.fixture
def viewer(maker: Maker, org: Org) -> User:
    """A viewer of `org`, and of nothing else."""
    return maker.user(org)


@pytest.fixture(scope="session")
def pool(server: Server) -> Iterator[Pool]:
    """Organisations for tests about alerting."""
    with making(server) as maker:
        yield Pool(maker)


@pytest.fixture
def alerted(pool: Pool) -> Org:
    """An organisation of the test's own in which alerting has begun."""
    return pool.take()


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No other test that asks for this runs meanwhile: for what a server has only one of."""
    with FileLock(tmp_path_factory.getbasetemp().parent / "alone.lock", timeout=300):
        yield


@pytest.fixture(scope="session")
def calls(database: Database) -> Iterator[Schema]:
    """A schema of this worker's own with rows to be asked for."""
    with schema(database) as made:
        yield made


@pytest.fixture(scope="module")
def asking(module_maker: Maker, calls: Schema) -> Org:
    """An organisation with a datasource that leads to `calls`, of the tests of one file."""
    org = module_maker.org()
    calls.add_to(org)
    return org
