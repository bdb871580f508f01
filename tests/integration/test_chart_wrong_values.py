"""Whoever gives the chart a value that cannot be is told in words what it must be, by helm 3 and helm 4 both."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.chart import LINES, helm, merged, nested, objects, template, with_required
from voice_lab.services.chart import CHART

pytestmark = pytest.mark.services

SENTENCES: list[tuple[str, Any, str]] = [
    ("mysql.host", "", "mysql.host is required: Aurora's host name as the pods see it"),
    ("grafana.url", "", "grafana.url is required: Grafana's address with its sub-path"),
    ("portal.url", "", "portal.url is required: the address that people type"),
    ("mysql.existingSecret", "", "mysql.existingSecret is required: the Secret with the passwords"),
    (
        "mysql.host",
        "db.internal:3306",
        "host name or an address alone, such as aurora.internal: the port is mysql.port",
    ),
    ("mysql.host", "tcp://db", 'alone, such as aurora.internal: the port is mysql.port; it is "tcp://db"'),
    ("mysql.database", "voice-1", 'mysql.database must be letters, digits and _ only, at most 64; it is "voice-1"'),
    ("mysql.existingSecret", "Voice", "mysql.existingSecret must be the name of a Secret: small letters"),
    ("mysql.caConfigMap", "a_b", "mysql.caConfigMap must be the name of a ConfigMap"),
    ("grafana.url", "grafana.internal", "grafana.url must be http:// or https://, a host and the sub-path /grafana"),
    ("grafana.url", "https://grafana/", "such as https://grafana.internal:3000/grafana; it is"),
    ("grafana.url", "https://grafana/grafana/", "a host and the sub-path /grafana"),
    ("grafana.url", "https://u:p@grafana/grafana", "a host and the sub-path /grafana"),
    ("grafana.mysqlAddress", "db", "grafana.mysqlAddress must be host:port"),
    ("grafana.resolver", "10.0.0.1; include /x", "grafana.resolver must be one address or more of DNS servers"),
    ("grafana.resolver", "kube-dns", "grafana.resolver must be one address or more of DNS servers"),
    (
        "portal.url",
        "https://voice.example.net/",
        "without a path or a slash at the end, such as https://voice.example.net",
    ),
    ("portal.url", "https://voice.example.net\n", "portal.url must be http:// or https:// and a host"),
    ("portal.url", "https://[2001:db8::5", "portal.url must be http:// or https:// and a host"),
    ("grafana.url", "https://grafana:port/grafana", "grafana.url must be http:// or https://, a host"),
    ("portal.url", "voice.example.net", "portal.url must be http:// or https:// and a host"),
    ("portal.address", "localhost", "portal.address must be an IP address"),
    ("portal.trustedProxies", ["everybody"], "portal.trustedProxies[0] must be a network such as 10.0.0.0/8"),
    (
        "portal.trustedProxies",
        ["fd00::/8", "::/0"],
        "portal.trustedProxies[1] must be a network such as 10.0.0.0/8 or fd00::/8, and not everybody's",
    ),
    ("portal.proxyUser", "a b", "portal.proxyUser must be the name of a user"),
    ("portal.proxyImage", "https://x/y", "portal.proxyImage must be an image with its registry"),
    ("portal.providers", [{"name": "Acme", "protocol": "oidc"}], "portal.providers[0].name must be a name that Voice"),
    ("portal.providers", [{"name": "a", "protocol": "oidc"}], "portal.providers[0].issuer is required with protocol"),
    ("portal.providers", [{"name": "a", "protocol": "oidc"}], "portal.providers[0].clientId is required with protocol"),
    ("portal.providers", [{"name": "a", "protocol": "saml"}], "portal.providers[0].metadata is required with protocol"),
    (
        "portal.providers",
        [{"name": "a", "protocol": "oidc", "clientId": "c", "issuer": "http://x"}],
        'portal.providers[0].issuer must be an https:// URL, without a query; it is "http://x"',
    ),
    ("portal.providersSecret", "Voice", "portal.providersSecret must be the name of a Secret"),
    ("portal.providersCaConfigMap", "a_b", "portal.providersCaConfigMap must be the name of a ConfigMap"),
    ("portal.appPort", 8080, "portal.port, portal.appPort and portal.metricsPort must be three ports"),
    (
        "portal.autoscaling",
        {"enabled": True, "minReplicas": 9},
        "minReplicas (9) must not be more than maxReplicas (6)",
    ),
    ("portal.autoscaling.averageCPU", "half", "portal.autoscaling.averageCPU must be an amount of CPU, such as 500m"),
    ("portal.httpRoute.enabled", True, "portal.httpRoute.parentRefs is required with portal.httpRoute.enabled"),
    ("portal.ingress.tlsSecret", "Voice", "portal.ingress.tlsSecret must be the name of a Secret"),
    ("portal.ingress.className", "a\nrules: []", "portal.ingress.className must be the name of an IngressClass"),
    ("operator.priorityClassName", "a\nhostNetwork: true", "operator.priorityClassName must be the name of a Priority"),
    ("portal.priorityClassName", "a: b", "portal.priorityClassName must be the name of a PriorityClass"),
    ("image.registry", "https://registry.example.net/", "without https:// and without a slash at the end"),
    ("image.tag", "sha256:abc", "belongs into operator.image.digest and portal.image.digest"),
    ("portal.image.digest", "abc", "portal.image.digest must be sha256: and 64 hexadecimal digits"),
    (
        "operator.image.repository",
        "x:1",
        "operator.image.repository must be the name of an image, without tag or digest",
    ),
    ("operator.receiverNamespaces", ["Acme"], "operator.receiverNamespaces[0] must be the name of a namespace"),
    (
        "operator.extraEnv",
        [{"name": "VOICE_LOG_LEVEL", "value": "x"}],
        "operator.extraEnv must not set VOICE_LOG_LEVEL",
    ),
    ("portal.extraEnv", [{"name": "DJANGO_SETTINGS_MODULE", "value": "x"}], "portal.extraEnv must not set DJANGO"),
    ("ipFamilies", ["IPv4", "IPv6"], "ipFamilyPolicy must be PreferDualStack or RequireDualStack"),
    ("metrics.interval", "often", "metrics.interval must be a time, such as 30s"),
    # By the schema: kinds, ranges, misspelt names.
    ("portal.port", "eighty", "got string, want integer"),
    ("portal.port", 70000, "got 70,000, want 65,535"),
    ("operator.replicas", -1, "minimum: got -1, want 0"),
    ("operator.alertSeconds", 15, "multipleOf: got 15, want 10"),
    ("operator.logLevel", "loud", "value must be one of 'debug', 'info', 'warning', 'error'"),
    ("portal.prot", 1, "additional properties 'prot' not allowed"),
    ("networkPolicy", {}, "additional properties 'networkPolicy' not allowed"),
    ("portal.service.type", "ExternalName", "value must be one of 'ClusterIP', 'NodePort', 'LoadBalancer'"),
    ("commonLabels", {"a": 1}, "got number, want string"),
    ("operator.extraEnv", [{"name": "X", "value": 5}], "got number, want string"),
    ("portal.extraEnv", [{"name": 1, "value": "x"}], "got number, want string"),
]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(
    ("name", "value", "sentence"), SENTENCES, ids=[f"{name}={value}" for name, value, _ in SENTENCES]
)
def test_a_value_that_cannot_be_gets_its_sentence(line: str, name: str, value: object, sentence: str) -> None:
    done = template(line, nested(name, value))
    assert done.returncode != 0
    assert sentence in done.stderr


@pytest.mark.parametrize("line", LINES)
def test_all_that_is_wrong_is_told_at_once(line: str) -> None:
    done = template(line, {"mysql": {"host": ""}, "portal": {"url": "x"}, "image": {"tag": "a b"}})
    assert done.returncode != 0
    for name in ("mysql.host is required", "portal.url must be", "image.tag must be"):
        assert name in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mysql.host", "2001:db8::5"),
        ("mysql.host", "10.0.0.5"),
        ("mysql.host", "voice.cluster-x1.eu-central-1.rds.amazonaws.com"),
        ("grafana.url", "http://[2001:db8::5]:3000/grafana"),
        ("grafana.url", "http://grafana.monitoring.svc.cluster.local/grafana"),
        ("grafana.resolver", "10.0.0.10 [fd00::a]"),
        ("grafana.resolver", "127.0.0.1:5353"),
        ("portal.url", "http://127.0.0.1:8080"),
        ("portal.url", "https://[2001:db8::5]:8443"),
        ("portal.address", "::1"),
        ("portal.address", "[2001:db8::1]"),
        ("portal.trustedProxies", ["10.0.0.0/8", "fd00::/8", "192.0.2.7", "2001:db8::1"]),
        ("portal.proxyImage", "registry.example.net:5000/nginx@sha256:" + "0" * 64),
        ("image.registry", "123456789012.dkr.ecr.eu-central-1.amazonaws.com"),
        ("image.registry", "localhost:5000/a/b"),
        ("operator.receiverNamespaces", ["acme", "globex-2"]),
        ("portal.autoscaling.averageCPU", 1),
    ],
)
def test_what_can_be_is_taken(name: str, value: object) -> None:
    done = template("helm 4", nested(name, value))
    assert done.returncode == 0, done.stderr


NAMES = (
    "mysql.existingSecret",
    "mysql.caConfigMap",
    "grafana.existingSecret",
    "grafana.caConfigMap",
    "portal.existingSecret",
    "portal.proxyImage",
    "portal.priorityClassName",
    "operator.priorityClassName",
    "portal.ingress.className",
    "portal.ingress.tlsSecret",
)


@pytest.mark.parametrize("text", ["123", "no", "true", "null"])
def test_a_name_that_yaml_could_take_for_something_else_stays_a_text(text: str) -> None:
    values: dict[str, Any] = {"operator": {"receiverNamespaces": [text]}, "portal": {"ingress": {"enabled": True}}}
    for name in NAMES:
        values = merged(values, nested(name, text))
    placed = [place for body in objects(values) for place in where(body, text)]
    assert {
        "spec.template.spec.volumes.secret.secretName",
        "spec.template.spec.volumes.configMap.name",
        "spec.template.spec.containers.image",
        "spec.template.spec.priorityClassName",
        "spec.ingressClassName",
        "spec.tls.secretName",
        "metadata.namespace",
    } <= set(placed)
    others = [place for body in objects(values) for other in (123, False, True, None) for place in where(body, other)]
    assert [place for place in others if place.rpartition(".")[2] in {"name", "secretName", "image", "namespace"}] == []


def test_a_release_and_a_namespace_may_be_called_by_a_number() -> None:
    done = helm("helm 4", "template", "123", str(CHART), "--namespace", "456", values=with_required({}))
    assert done.returncode == 0, done.stderr
    found = [body for body in yaml.safe_load_all(done.stdout) if body]
    assert [place for body in found for number in (123, 456) for place in where(body, number)] == []
    assert {body["metadata"]["labels"]["app.kubernetes.io/instance"] for body in found} == {"123"}


def where(body: object, wanted: object, path: str = "") -> Iterator[str]:
    """Where in an object a value stands: the keys on the way to it."""
    if isinstance(body, dict):
        for key, value in body.items():
            yield from where(value, wanted, f"{path}.{key}" if path else key)
    elif isinstance(body, list):
        for value in body:
            yield from where(value, wanted, path)
    elif type(body) is type(wanted) and body == wanted:
        yield path
