"""`make bench-install`, in short: an installation comes to a record, and its pods' memory is found."""

from __future__ import annotations

import json

import pytest
import yaml
from bench import install
from bench.install_memory import bytes_of

from tests import pods
from voice_lab.services.chart import CHART

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(500)]

CLUSTER = ("cluster", "node")


def limits_mb() -> dict[str, float]:
    """The chart's memory limits, by container."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    portal = values["portal"]
    resources = {"operator": values["operator"], "portal": portal, "proxy": {"resources": portal["proxyResources"]}}
    return {name: bytes_of(each["resources"]["limits"]["memory"]) / 1e6 for name, each in resources.items()}


def test_an_installation_is_timed_and_its_pods_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """One test, because all of it needs the same lab."""
    with pods.running("bench", CLUSTER) as lab:
        install.first_record(lab)
        install.memory(lab, [4], clients=2)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = {line["figure"]: line for line in lines}
    assert len(found) == len(lines), "a figure has one value"
    value = {name: line["value"] for name, line in found.items()}
    assert 0 < value["install_to_ready_s"] < value["install_to_first_cdr_s"]
    for name in ("operator", "portal"):
        assert found[f"{name}_rss_mb"]["probes"] == 4
        assert 20 < value[f"{name}_pss_mb"] <= value[f"{name}_rss_mb"]
    assert value["portal_rss_mb"] <= 90, "the goal"
    for name, limit in limits_mb().items():
        assert 0 < value[f"{name}_container_mb"] <= value[f"{name}_container_peak_mb"] < limit
        assert found[f"{name}_container_mb"]["ratio"] == pytest.approx(value[f"{name}_container_mb"] / limit, abs=0.01)
    assert value["portal_pod_mb"] >= value["portal_container_mb"]
    assert found["portal_pod_mb"]["workers"] == 2
