"""The values that docs/install.md gives for one kind of cluster or another: the chart takes them."""

from __future__ import annotations

import pytest
import yaml

from tests.chart import LINES, REQUIRED, rendered, template
from tests.pods.install_page import PAGE, blocks

pytestmark = pytest.mark.services

WAYS_IN = [yaml.safe_load(block) for block in blocks(PAGE.read_text(), "yaml")["TLS, and the way in"]]
HOST = REQUIRED["portal"]["url"].removeprefix("https://")


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("values", WAYS_IN, ids=["ingress", "gateway", "eks"])
def test_each_way_in_leads_the_portals_name_to_the_portal(values: dict[str, object], line: str) -> None:
    done = template(line, values)
    assert done.returncode == 0, done.stderr
    made = rendered(values, line)
    if ingress := made.get(("Ingress", "voice-quality-portal")):
        assert [rule["host"] for rule in ingress["spec"]["rules"]] == [HOST]
    else:
        assert made["HTTPRoute", "voice-quality-portal"]["spec"]["hostnames"] == [HOST]


def test_there_is_a_way_with_an_ingress_and_one_with_a_gateway() -> None:
    kinds = [kind for values in WAYS_IN for kind, _ in rendered(values)]
    assert kinds.count("Ingress") == 2
    assert kinds.count("HTTPRoute") == 1
