"""Templates, made once for all tests."""

import sys
from pathlib import Path

import pytest

from tests.integration.cdk.configurations import CONFIGURATIONS
from tests.integration.cdk.kept import synthesised
from tests.integration.cdk.synthesised import CHECKOUT, Assembly

sys.path.insert(0, str(CHECKOUT / "cdk"))  # which is no part of the distribution


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever comes first waits for the environments of AWS CDK and of the tools to be installed."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def platform() -> Assembly:
    """What most tests look at: the example with one client more, which speaks IPv4."""
    return synthesised({"three": CONFIGURATIONS["three"]})["three"]


@pytest.fixture(scope="session")
def platforms() -> dict[str, Assembly]:
    """Every one, by the name of its configuration."""
    return synthesised(CONFIGURATIONS)
