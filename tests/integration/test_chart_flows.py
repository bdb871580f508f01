"""The chart's NetworkPolicies, held against what its pods connect to and listen on by their own settings."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.chart import containers, environment, pod_templates, rendered
from tests.serving import serving

pytestmark = pytest.mark.services

ODD = {
    "mysql": {"port": 3310},
    "grafana": {"url": "http://grafana.monitoring.svc.cluster.local:3333/grafana"},
    "operator": {"livenessPort": 9001},
    "portal": {"port": 9080, "metricsPort": 9002},
}
VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "other ports": ODD,
    "providers of identity": {
        "portal": {
            "providers": [
                {"name": "a", "protocol": "oidc", "issuer": "https://a.example:8443/realms/a", "clientId": "c"},
                {"name": "b", "protocol": "oidc", "issuer": "https://b.example/v2.0", "clientId": "c"},
                {"name": "c", "protocol": "saml", "metadata": "<EntityDescriptor/>"},
            ]
        }
    },
    "plain http": {"grafana": {"url": "http://grafana/grafana"}},
}
INGRESS = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}
MONITORING = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
Flow = tuple[int, str]


def labels_of(template: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = template["metadata"]["labels"]
    return found


def policies(found: Mapping[tuple[str, str], Any], labels: Mapping[str, str], direction: str) -> list[Any]:
    """The NetworkPolicies that hold for pods with these labels in this direction."""
    return [
        body
        for (kind, _), body in found.items()
        if kind == "NetworkPolicy"
        and direction in body["spec"]["policyTypes"]
        and body["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    ]


def allowed(found: Mapping[tuple[str, str], Any], labels: Mapping[str, str], direction: str) -> dict[Flow, list[Any]]:
    """Ports and protocols that are open in a direction, with the peers that they are open to (empty: all)."""
    flows: dict[Flow, list[Any]] = {}
    for policy in policies(found, labels, direction):
        for rule in policy["spec"].get(direction.lower(), []):
            for port in rule["ports"]:
                flows[port["port"], port["protocol"]] = rule.get("to" if direction == "Egress" else "from", [])
    return flows


def connections(name: str, found: Mapping[tuple[str, str], Any], template: Mapping[str, Any]) -> Iterator[Flow]:
    """What a pod connects to by what its containers are told."""
    for container in containers(dict(template)).values():
        env = environment(container)
        if "VOICE_MYSQL_HOST" in env:
            yield int(env["VOICE_MYSQL_PORT"]), "TCP"
        if env.get("VOICE_PORTAL_PROVIDERS_FILE"):
            told = tomllib.loads(found["ConfigMap", "voice-quality-portal-providers"]["data"]["providers.toml"])
            for each in told["providers"]:
                if issuer := each.get("issuer"):
                    yield urlsplit(issuer).port or 443, "TCP"
        if container["name"] == "operator":
            url = urlsplit(env["VOICE_GRAFANA_URL"])
            yield url.port or {"http": 80, "https": 443}[url.scheme], "TCP"
            yield from ((443, "TCP"), (6443, "TCP"))  # the API server, from where kubelet's variables say
        if container["name"] == "proxy":
            conf = found["ConfigMap", "voice-quality-portal-proxy"]["data"]["nginx.conf"]
            (target,) = re.findall(r"set \$grafana (\S+);", conf)
            url = urlsplit(target)
            yield url.port or {"http": 80, "https": 443}[url.scheme], "TCP"
        for url in map(urlsplit, container.get("args", [])):
            if name == "voice-quality-test" and url.scheme == "http" and url.hostname:
                service = found["Service", url.hostname]["spec"]
                (port,) = (each for each in service["ports"] if each["port"] == (url.port or 80))
                target_pod = found["Deployment", url.hostname]["spec"]["template"]
                ports = [one for each in target_pod["spec"]["containers"] for one in each["ports"]]
                yield next(one["containerPort"] for one in ports if one["name"] == port["targetPort"]), "TCP"
    yield from ((53, "UDP"), (53, "TCP"))


@pytest.mark.parametrize("variant", VARIANTS)
def test_whatever_a_pod_connects_to_is_named(variant: str) -> None:
    found = rendered(VARIANTS[variant])
    seen = 0
    for name, template in pod_templates(found):
        assert policies(found, labels_of(template), "Egress"), f"{name} may send anything"
        open_to = allowed(found, labels_of(template), "Egress")
        for flow in connections(name, found, template):
            assert flow in open_to, f"{name} may not reach {flow}"
            seen += 1
    assert seen > 15


@pytest.mark.parametrize("variant", VARIANTS)
def test_whatever_a_pod_listens_on_is_open_and_nothing_else(variant: str) -> None:
    found = rendered(VARIANTS[variant])
    for name, template in pod_templates(found):
        listening = {
            (port["containerPort"], "TCP") for each in template["spec"]["containers"] for port in each.get("ports", [])
        }
        assert policies(found, labels_of(template), "Ingress"), f"anybody may ask {name} for anything"
        assert allowed(found, labels_of(template), "Ingress").keys() == listening


def test_each_pod_reaches_no_more_than_it_needs() -> None:
    found = rendered()
    templates = dict(pod_templates(found))
    migration = allowed(found, labels_of(templates["voice-quality-migrate"]), "Egress")
    assert {port for port, _ in migration} == {53, 5353, 3306}
    test = allowed(found, labels_of(templates["voice-quality-test"]), "Egress")
    assert {port for port, peers in ((port, peers) for (port, _), peers in test.items()) if not peers} == {53, 5353}


def test_whatever_stands_between_is_let_in_by_name_and_the_release_can_still_be_tested() -> None:
    found = rendered({"networkPolicies": {"portalFrom": [INGRESS], "metricsFrom": [MONITORING]}})
    templates = dict(pod_templates(found))
    test = {
        "podSelector": {
            "matchLabels": {"app.kubernetes.io/name": "voice-quality-test", "app.kubernetes.io/instance": "release"}
        }
    }
    assert test["podSelector"]["matchLabels"].items() <= labels_of(templates["voice-quality-test"]).items()
    portal = allowed(found, labels_of(templates["voice-quality-portal"]), "Ingress")
    assert portal == {(8080, "TCP"): [test, INGRESS], (8081, "TCP"): [test, MONITORING]}
    operator = allowed(found, labels_of(templates["voice-quality-operator"]), "Ingress")
    assert operator == {(8081, "TCP"): [test, MONITORING]}


@pytest.mark.parametrize("peers", [None, []], ids=["default", "nobody"])
def test_a_pod_of_a_client_reaches_no_port_but_the_proxys(peers: list[Any] | None) -> None:
    """Whoever holds connections to the others keeps the kubelet's probes from being answered."""
    found = rendered({} if peers is None else {"networkPolicies": {"metricsFrom": peers}})
    for name, template in pod_templates(found):
        for (port, _), sources in allowed(found, labels_of(template), "Ingress").items():
            if (name, port) == ("voice-quality-portal", 8080):
                continue
            assert sources, f"everybody may ask {name} at {port}"
            everywhere = [source for source in sources if source.get("namespaceSelector") == {}]
            assert everywhere == [], f"every pod of the cluster may ask {name} at {port}"


def test_the_migration_has_its_policy_before_there_is_any_other() -> None:
    """It runs before the rest of a release; and with it goes what only it may do."""
    policy = rendered()["NetworkPolicy", "voice-quality-migrate"]["metadata"]["annotations"]
    job = rendered()["Job", "voice-quality-migrate"]["metadata"]["annotations"]
    assert policy["helm.sh/hook"] == job["helm.sh/hook"]
    assert int(policy["helm.sh/hook-weight"]) < int(job["helm.sh/hook-weight"])
    assert "hook-succeeded" in policy["helm.sh/hook-delete-policy"]


def test_pods_of_others_in_the_namespace_are_left_alone() -> None:
    for (kind, name), body in rendered().items():
        if kind == "NetworkPolicy":
            assert body["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "release", name


def test_without_them_there_is_none() -> None:
    assert "NetworkPolicy" not in {kind for kind, _ in rendered({"networkPolicies": {"enabled": False}})}


class Pod(BaseHTTPRequestHandler):
    """A pod of the operator: one of two, by the address at which it is asked."""

    waits_at = ""

    def do_GET(self) -> None:
        body = b'{"waitingFor": ["MySQL is away"]}'
        self.send_response(503 if self.server.server_address[0] == self.waits_at else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


# In place of the minute in which it asks again and again, and of the cluster's DNS.
IN_A_CLUSTER = """
import itertools, socket, time
time.monotonic, known = itertools.count(0, 100).__next__, socket.getaddrinfo
def two_pods(host, *rest, **more):
    hosts = ["127.0.0.1", "127.0.0.2"] if host == "voice-quality-operator" else [host]
    return [found for host in hosts for found in known(host, *rest, **more)]
socket.getaddrinfo = two_pods
"""


@pytest.mark.parametrize("waits_at", ["", "127.0.0.1", "127.0.0.2"])
def test_the_releases_own_test_asks_each_pod_and_fails_if_one_waits(
    waits_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replica that stands by is well whatever happens outside: it must not answer for the one that leads."""
    found = rendered()
    service = found["Service", "voice-quality-operator"]["spec"]
    assert (service["clusterIP"], service["publishNotReadyAddresses"]) == ("None", True), "its name leads to each pod"
    (container,) = found["Pod", "voice-quality-test"]["spec"]["containers"]
    monkeypatch.setattr(Pod, "waits_at", waits_at)
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Pod) as one,
        ThreadingHTTPServer(("127.0.0.2", one.server_port), Pod) as two,
        serving(one),
        serving(two),
    ):
        script, url = container["args"][0], f"http://voice-quality-operator:{one.server_port}/readyz"
        command = [sys.executable, "-c", IN_A_CLUSTER + script, url]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == bool(waits_at), done.stderr
    assert ("MySQL is away" in done.stdout) == bool(waits_at)
