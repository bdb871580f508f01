"""The main job, from `kubectl apply` to what a client's voice engineer sees."""

import json
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import System
from voice_lab import waiting
from voice_lab.services import cluster

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(400)]


def probes(system: System) -> dict[str, dict[str, Any]]:
    """The VoiceProbes' objects, by namespace/name."""
    items = json.loads(cluster.kubectl(system.lab, "get", "voiceprobes", "-A", "-o", "json"))["items"]
    return {f"{item['metadata']['namespace']}/{item['metadata']['name']}": item for item in items}


def of(system: System, probe: str) -> list[dict[str, Any]]:
    """Return the calls of one probe."""
    return [call for call in system.calls if call["probe"] == probe]


def test_every_example_makes_the_calls_that_it_announces(system: System) -> None:
    told = {expectation.disposition for expectation in system.expectations}
    assert told == {"answered", "busy", "configuration_error"}
    assert all(expectation.met_by(system.calls) for expectation in system.expectations)


def test_a_clean_path_scores_high_in_both_directions(system: System) -> None:
    calls = of(system, "inbound-sales")
    assert [call for call in calls if min(call["mos_forward"], call["mos_reverse"]) <= 4.2] == []


def test_a_path_with_loss_scores_lower_than_a_clean_one(system: System) -> None:
    def mean(probe: str) -> float:
        scores = [call[side] for call in of(system, probe) for side in ("mos_forward", "mos_reverse")]
        return float(sum(scores) / len(scores))

    assert mean("claims-hotline") < mean("inbound-sales") - 0.1


def test_a_refused_call_keeps_the_answer_and_claims_no_quality(system: System) -> None:
    for call in of(system, "fax"):
        assert (call["disposition"], call["sip_code"]) == ("busy", 486)
        assert call["mos_forward"] is None
        assert call["mos_reverse"] is None


def test_kubectl_tells_health_and_last_call(system: System) -> None:
    def healthy() -> bool:
        return bool(probes(system)["acme/inbound-sales"]["status"]["health"] == "Healthy")

    # A machine that is busy for a while spoils calls, which then don't count.
    waiting.until(healthy, what="a valid call of the clean path", seconds=120)
    sales, fax = (probes(system)[name]["status"] for name in ("acme/inbound-sales", "acme/fax"))
    assert sales["lastCall"]["mos"] > 4.2
    assert fax["health"] == "Unhealthy"
    assert fax["lastCall"]["sipCode"] == 486
    table = cluster.kubectl(system.lab, "get", "voiceprobes", "-A")
    assert table.split("\n")[0].split() == ["NAMESPACE", "NAME", "HEALTH", "MOS", "LAST", "CALL", "READY", "AGE"]


def test_the_portal_shows_the_probes_of_the_client(acme: httpx.Client) -> None:
    page = acme.get("/c/acme/").text
    for text in ("Acme Insurance", "Inbound sales line", "Claims hotline", "Fax line", "Healthy", "486"):
        assert text in page
    assert "Support desk" not in page


def test_a_probes_page_embeds_grafana_or_says_why_not(acme: httpx.Client) -> None:
    page = acme.get("/c/acme/probes/inbound-sales/").text
    has_frontend = bool(acme.get("/grafana/").text.strip())
    assert ("<iframe" in page) == has_frontend
    assert ('class="chart"' in page) != has_frontend
    if not has_frontend:
        assert "without its web pages" in page


def test_the_dashboard_of_a_probe_is_in_the_clients_grafana(system: System, acme: httpx.Client) -> None:
    uid = probes(system)["acme/inbound-sales"]["metadata"]["uid"].replace("-", "")
    dashboard = acme.get(f"/grafana/api/dashboards/uid/vp-{uid}").json()
    assert dashboard["dashboard"]["title"] == "Inbound sales line (inbound-sales)"
    assert dashboard["meta"]["canEdit"] is False


def test_a_probe_that_cannot_be_called_says_why_and_keeps_no_other_from_it(system: System, acme: httpx.Client) -> None:
    calls = of(system, "misconfigured")
    assert {call["disposition"] for call in calls} == {"configuration_error"}
    assert "no-such-credential" in calls[-1]["sip_reason"]
    assert "no-such-credential" in probes(system)["acme/misconfigured"]["status"]["lastCall"]["reason"]
    assert "no-such-credential" in acme.get("/c/acme/probes/misconfigured/").text
