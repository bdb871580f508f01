"""The platform that most tests look at: the example's, with one client more that speaks IPv4."""

import pytest

from tests.integration.cdk.synthesised import BY_IPV4, EXAMPLE, Assembly, synthesise


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """Its templates. Whoever comes first waits for the environment of AWS CDK to be installed."""
    text = EXAMPLE.read_text() + BY_IPV4
    return synthesise({"platform": text}, tmp_path_factory.mktemp("platform"))["platform"]
