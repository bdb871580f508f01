"""The Helm chart, as helm itself judges and renders it."""

import subprocess
from typing import Any

import pytest
import yaml

from voice_lab.services.chart import CHART
from voice_lab.tools import kubectl

pytestmark = pytest.mark.services

REQUIRED = {
    "mysql.host": "aurora.internal",
    "grafana.url": "https://grafana.internal:3000/grafana",
    "portal.url": "https://voice.example.net",
}


def helm(*arguments: str, **values: str) -> subprocess.CompletedProcess[str]:
    """Run helm on the chart with the required values and `values`."""
    chosen = {**REQUIRED, **{name.replace("__", "."): value for name, value in values.items()}}
    settings = [f"--set={name}={value}" for name, value in chosen.items() if value != "-"]
    command = [str(kubectl.program("helm")), *arguments, str(CHART), *settings]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def rendered(**values: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the chart's objects by kind and name."""
    done = helm("template", "release", **values)
    assert done.returncode == 0, done.stderr
    documents = [document for document in yaml.safe_load_all(done.stdout) if document]
    return {(document["kind"], document["metadata"]["name"]): document for document in documents}


def proxy(**values: str) -> str:
    """Return nginx's configuration."""
    return str(rendered(**values)["ConfigMap", "voice-quality-portal-proxy"]["data"]["nginx.conf"])


def test_helm_finds_nothing_to_complain_about() -> None:
    done = helm("lint", "--strict")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("missing", sorted(REQUIRED))
def test_a_missing_required_value_is_named(missing: str) -> None:
    done = helm("template", "release", **{missing.replace(".", "__"): "-"})
    assert done.returncode != 0
    assert f"{missing} is required" in done.stderr


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("portal__port", "eighty"),
        ("operator__replicas", "-1"),
        ("grafana__url", "grafana.internal"),
        ("portal__prot", "1"),
        ("portal__trustedProxies", "{everybody}"),
    ],
)
def test_a_wrong_value_is_refused(value: str, text: str) -> None:
    done = helm("template", "release", **{value: text})
    assert done.returncode != 0
    assert value.rpartition("__")[2] in done.stderr


def test_no_password_stands_in_a_manifest() -> None:
    for (kind, _), document in rendered().items():
        assert kind != "Secret"
        for container in document.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
            secret = {
                item["name"] for item in container.get("env", []) if "PASSWORD" in item["name"] or "KEY" in item["name"]
            }
            plain = {item["name"] for item in container.get("env", []) if "value" in item}
            assert secret & plain <= {"VOICE_GRAFANA_JWT_KEY_FILE"}


def test_every_container_runs_without_privileges() -> None:
    deployments = [document for (kind, _), document in rendered().items() if kind == "Deployment"]
    assert len(deployments) == 2
    for pod in (deployment["spec"]["template"]["spec"] for deployment in deployments):
        assert pod["securityContext"]["runAsNonRoot"]
        for container in pod["containers"] + pod.get("initContainers", []):
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"]
            assert not security["allowPrivilegeEscalation"]
            assert security["capabilities"] == {"drop": ["ALL"]}


def test_the_proxy_listens_on_both_address_families_unless_told_otherwise() -> None:
    both = proxy()
    assert "listen 8080;" in both
    assert "listen [::]:8080;" in both
    one = proxy(portal__address="127.0.0.1")
    assert "listen 127.0.0.1:8080;" in one
    assert "listen [::]" not in one


def test_a_grafana_behind_tls_is_verified() -> None:
    assert "proxy_ssl_verify on;" in proxy()
    assert "proxy_ssl_name grafana.internal;" in proxy()
    assert "proxy_ssl" not in proxy(grafana__url="http://grafana:3000/grafana")


def test_grafanas_name_is_asked_of_the_named_dns_server_or_of_the_pods_own() -> None:
    assert "resolver 10.0.0.10 valid=30s;" in proxy(grafana__resolver="10.0.0.10")
    assert "include /run/voice-proxy/resolver.conf;" in proxy()
    assert "resolver.conf" not in proxy(grafana__url="http://[2001:db8::5]:3000/grafana"), "an address needs none"


@pytest.mark.parametrize("address", ["", "[2001:db8::5]:3306"])
def test_the_address_of_mysql_for_grafana_is_passed_on_as_it_is(address: str) -> None:
    """Empty means the operator's own default, which knows where brackets belong."""
    pod = rendered(grafana__mysqlAddress=address)["Deployment", "voice-quality-operator"]["spec"]["template"]["spec"]
    env = {item["name"]: item.get("value") for item in pod["containers"][0]["env"]}
    assert env["VOICE_GRAFANA_MYSQL_ADDRESS"] == address


def test_prometheus_finds_the_portals_metrics_on_a_port_that_the_proxy_does_not_know() -> None:
    objects = rendered(portal__metricsPort="9464", portal__trustedProxies="{10.0.0.0/8,fd00::/8}")
    template = objects["Deployment", "voice-quality-portal"]["spec"]["template"]
    (portal,) = (container for container in template["spec"]["containers"] if container["name"] == "portal")
    env = {item["name"]: item.get("value") for item in portal["env"]}
    assert env["VOICE_PORTAL_METRICS_PORT"] == template["metadata"]["annotations"]["prometheus.io/port"] == "9464"
    assert portal["ports"] == [{"name": "metrics", "containerPort": 9464}]
    assert "9464" not in objects["ConfigMap", "voice-quality-portal-proxy"]["data"]["nginx.conf"]
    assert env["VOICE_PORTAL_TRUSTED_PROXIES"] == "10.0.0.0/8,fd00::/8"
