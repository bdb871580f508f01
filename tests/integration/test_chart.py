"""The Helm chart, as helm itself judges and renders it."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart import (
    LINES,
    NAMESPACE,
    RELEASE,
    containers,
    environment,
    helm,
    objects,
    pod_templates,
    rendered,
    with_required,
)
from voice_lab.services.chart import CHART
from voice_portal.config.providers import reading

pytestmark = pytest.mark.services

OPERATOR = ("Deployment", "voice-quality-operator")
PORTAL = ("Deployment", "voice-quality-portal")
MIGRATION = ("Job", "voice-quality-migrate")
# Everything that can be turned on, turned on.
EVERYTHING: dict[str, Any] = {
    "image": {"registry": "registry.example.net:5000/voice", "tag": "1.2.3", "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "registry"}],
    "commonLabels": {"team": "voice"},
    "commonAnnotations": {"owner": "voice@example.net"},
    "ipFamilyPolicy": "PreferDualStack",
    "ipFamilies": ["IPv6", "IPv4"],
    "grafana": {"caConfigMap": "voice-grafana-ca", "resolver": "[fd00::a]", "mysqlAddress": "[fd00::b]:3306"},
    "operator": {
        "image": {"digest": "sha256:" + "a" * 64},
        "receiverNamespaces": ["acme"],
        "podLabels": {"part": "operator"},
        "podAnnotations": {"note": "operator"},
        "serviceAccount": {
            "labels": {"a": "b"},
            "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/x"},
        },
        "nodeSelector": {"kubernetes.io/arch": "arm64"},
        "tolerations": [{"key": "voice", "operator": "Exists"}],
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
        "priorityClassName": "system-cluster-critical",
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        "extraVolumes": [{"name": "more", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
    },
    "portal": {
        "replicas": 3,
        "providers": [
            {
                "name": "acme",
                "displayName": "Acme",
                "protocol": "oidc",
                "issuer": "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0",
                "clientId": "66666666-7777-8888-9999-000000000000",
                "tenants": ["11111111-2222-3333-4444-555555555555"],
                "graphUrl": "https://graph.microsoft.com",
                "emailDomains": ["acme.example"],
                "staffGroups": ["voice-staff"],
                "groupsClaim": "roles",
            },
            {"name": "globex", "protocol": "saml", "metadata": "<EntityDescriptor/>\n"},
        ],
        "providersCaConfigMap": "voice-providers-ca",
        "trustedProxies": ["10.0.0.0/8", "fd00::/8"],
        "autoscaling": {"enabled": True},
        "service": {"type": "LoadBalancer", "annotations": {"a": "b"}, "labels": {"c": "d"}},
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "tlsSecret": "voice-tls",
            "annotations": {"cert-manager.io/cluster-issuer": "ours"},
        },
        "httpRoute": {"enabled": True, "parentRefs": [{"name": "public", "namespace": "gateways"}]},
        "podLabels": {"part": "portal"},
        "podAnnotations": {"note": "portal"},
        "serviceAccount": {"labels": {"a": "b"}, "annotations": {"c": "d"}},
        "nodeSelector": {"kubernetes.io/arch": "arm64"},
        "tolerations": [{"key": "voice", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}
        ],
        "priorityClassName": "system-cluster-critical",
        "extraEnv": [{"name": "TZ", "value": "UTC"}],
        "extraVolumes": [{"name": "more", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
    },
    "networkPolicies": {
        "portalFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}],
        "metricsFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
        "ports": {"mysql": [3307], "providers": [8443]},
    },
    "metrics": {"monitor": "ServiceMonitor", "labels": {"release": "prometheus"}},
}
# The portal's own Secret is mounted whole: a key that is not there always could not be named.
WHOLE_SECRET = [{"path": "secret-key"}, {"path": "grafana-jwt.pem"}]
VARIANTS: dict[str, dict[str, Any]] = {
    "nothing but what is required": {},
    "everything": EVERYTHING,
    "single-stack IPv6": {"ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv6"]},
    "no network policies, no budgets": {
        "networkPolicies": {"enabled": False},
        "podDisruptionBudgets": {"enabled": False},
    },
    "PodMonitor": {"metrics": {"monitor": "PodMonitor"}},
    "no TLS to MySQL, plain Grafana": {
        "mysql": {"caConfigMap": ""},
        "grafana": {"url": "http://grafana.monitoring.svc.cluster.local/grafana"},
    },
    "one replica each": {"operator": {"replicas": 1}, "portal": {"replicas": 1}},
    "what few need": {
        "preflight": False,
        "operator": {"sweepAll": True, "affinity": {"nodeAffinity": {}}},
        "portal": {
            "image": {"digest": "sha256:" + "b" * 64},
            "address": "::",
            "proxyUser": "nginx",
            "httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}], "annotations": {"a": "b"}},
        },
    },
}


def choices(values: dict[str, Any], name: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is empty, yes or no by default, and so decides what is rendered at all; with its default."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from choices(value, f"{name}{key}.")
        elif isinstance(value, bool) or value in ("", [], {}):
            yield f"{name}{key}", value


def test_the_variants_make_every_choice_and_render_every_template() -> None:
    """What is held against a real API server is whole."""
    made = [dict(choices_made(with_required(variant))) for variant in VARIANTS.values()]
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    assert [name for name, usual in choices(defaults) if all(each.get(name, usual) == usual for each in made)] == []
    found = (helm("helm 4", "template", "x", str(CHART), values=with_required(each)) for each in VARIANTS.values())
    text = "".join(done.stdout for done in found)
    sources = set(re.findall(r"^# Source: [^/\s]+/templates/(\S+)$", text, re.MULTILINE))
    templates = {path.relative_to(CHART / "templates").as_posix() for path in CHART.glob("templates/**/*.yaml")}
    assert templates - sources == {"checks.yaml"}, "which renders nothing"


def choices_made(values: dict[str, Any], name: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a variant by its whole name, mappings too: some are one value."""
    for key, value in values.items():
        yield f"{name}{key}", value
        if isinstance(value, dict):
            yield from choices_made(value, f"{name}{key}.")


def pod(key: tuple[str, str], values: dict[str, Any] | None = None) -> dict[str, Any]:
    """The pods of a Deployment or Job."""
    template: dict[str, Any] = rendered(values)[key]["spec"]["template"]
    return template


def proxy(values: dict[str, Any] | None = None) -> str:
    """Return nginx's configuration."""
    return str(rendered(values)["ConfigMap", "voice-quality-portal-proxy"]["data"]["nginx.conf"])


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_helm_finds_nothing_to_complain_about(line: str, variant: str) -> None:
    done = helm(line, "lint", "--strict", str(CHART), values=with_required(VARIANTS[variant]))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("variant", VARIANTS)
def test_both_lines_of_helm_make_the_same_of_it(variant: str) -> None:
    three, four = (rendered(VARIANTS[variant], line) for line in LINES)
    assert three == four


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_two_objects_have_one_name(variant: str) -> None:
    found = [
        (each["kind"], each["metadata"]["name"], each["metadata"].get("namespace"))
        for each in objects(VARIANTS[variant])
    ]
    assert len(found) == len(set(found))


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_secret_stands_in_a_manifest_or_in_an_environment(variant: str) -> None:
    found = rendered(VARIANTS[variant])
    assert not [name for kind, name in found if kind == "Secret"]
    for _, template in pod_templates(found):
        for container in template["spec"]["containers"]:
            assert not [item for item in container.get("env", []) if "secretKeyRef" in item.get("valueFrom", {})]
            secret = {
                name: value for name, value in environment(container).items() if "PASSWORD" in name or "KEY" in name
            }
            assert all(name.endswith("_FILE") and value.startswith("/etc/voice-") for name, value in secret.items())


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_file_that_a_setting_names_is_mounted(variant: str) -> None:
    checked = set()
    found = rendered(VARIANTS[variant])
    for _, template in pod_templates(found):
        volumes = {volume["name"]: volume for volume in template["spec"].get("volumes", [])}
        for container in template["spec"]["containers"]:
            mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container.get("volumeMounts", [])}
            for path in environment(container).values():
                if path.startswith("/etc/"):
                    folder, _, file = path.rpartition("/")
                    source = mounts[folder].get("secret") or mounts[folder]["configMap"]
                    ours = found.get(("ConfigMap", source.get("name", "")), {}).get("data", {})
                    assert file in {item["path"] for item in source.get("items", WHOLE_SECRET)} | ours.keys()
                    # In place, so that the kubelet exchanges them: a subPath is never exchanged.
                    assert all("subPath" not in mount for mount in container["volumeMounts"])
                    checked.add(path)
    assert len(checked) >= 5


def test_each_account_reads_its_own_password_and_no_other() -> None:
    wanted = {OPERATOR: "operator", PORTAL: "portal", MIGRATION: "owner"}
    for key, account in wanted.items():
        template = pod(key)
        (passwords,) = (volume for volume in template["spec"]["volumes"] if volume["name"] == "mysql-password")
        assert passwords["secret"]["items"] == [{"key": account, "path": "password"}]
        first = template["spec"]["containers"][0]
        assert environment(first)["VOICE_MYSQL_USER"] == f"voice_{account}"


def test_only_the_operator_has_a_token() -> None:
    for name, template in pod_templates(rendered()):
        has_token = template["spec"].get("automountServiceAccountToken", True)
        assert has_token == (name == "voice-quality-operator")


def test_the_migration_is_a_hook_that_keeps_its_log() -> None:
    job = rendered()[MIGRATION]
    annotations = job["metadata"]["annotations"]
    assert annotations["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation", "what failed stays to be read"
    assert job["spec"]["backoffLimit"] == 0
    assert "activeDeadlineSeconds" not in job["spec"], "it would delete the pod with its log"
    assert "ttlSecondsAfterFinished" not in job["spec"]
    assert not [
        name for kind, name in rendered() if kind == "Deployment" and "initContainers" in pod((kind, name))["spec"]
    ]


@pytest.mark.parametrize(
    ("image", "operator", "reference"),
    [
        ({}, {}, "voice-quality-operator:0.1.0"),
        ({"tag": "1.2.3"}, {}, "voice-quality-operator:1.2.3"),
        ({"registry": "r.example:5000/a/b"}, {}, "r.example:5000/a/b/voice-quality-operator:0.1.0"),
        ({"tag": "1.2.3"}, {"digest": "sha256:" + "0" * 64}, "voice-quality-operator@sha256:" + "0" * 64),
        ({"registry": "r.example"}, {"repository": "own/name"}, "r.example/own/name:0.1.0"),
    ],
)
def test_an_image_has_registry_name_and_tag_or_digest(
    image: dict[str, str], operator: dict[str, str], reference: str
) -> None:
    template = pod(OPERATOR, {"image": image, "operator": {"image": operator}})
    assert containers(template)["operator"]["image"] == reference


def test_labels_and_annotations_of_the_user_reach_everything_and_never_the_selectors() -> None:
    plain, own = rendered(), rendered({"commonLabels": {"team": "voice", "app.kubernetes.io/instance": "stolen"}})
    for key, body in own.items():
        assert body["metadata"]["labels"]["team"] == "voice"
        assert body["metadata"]["labels"]["app.kubernetes.io/instance"] == "release"
        if key[0] == "Deployment":
            assert body["spec"]["template"]["metadata"]["labels"]["team"] == "voice"
            assert body["spec"]["selector"] == plain[key]["spec"]["selector"], "a Deployment can never change it"
    annotated = rendered({"commonAnnotations": {"owner": "us"}})
    assert all(body["metadata"]["annotations"]["owner"] == "us" for body in annotated.values())


def test_the_selectors_are_those_of_the_first_release() -> None:
    """A Deployment's selector cannot be changed: an upgrade with another one fails."""
    for kind, name in (OPERATOR, PORTAL):
        labels = rendered()[kind, name]["spec"]["selector"]["matchLabels"]
        assert labels == {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": "release"}


def test_pods_keep_apart_unless_told_otherwise() -> None:
    assert "podAntiAffinity" in pod(PORTAL)["spec"]["affinity"]
    assert pod(PORTAL, {"portal": {"affinity": {"nodeAffinity": {}}}})["spec"]["affinity"] == {"nodeAffinity": {}}
    own = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    selected = own | {"labelSelector": {"matchLabels": {"a": "b"}}}
    found = pod(PORTAL, {"portal": {"topologySpreadConstraints": [own, selected]}})["spec"]["topologySpreadConstraints"]
    selector = rendered()[PORTAL]["spec"]["selector"]
    assert found == [own | {"labelSelector": selector}, selected]


def test_autoscaling_and_replicas_do_not_fight() -> None:
    alone, scaled = rendered(), rendered({"portal": {"replicas": 5, "autoscaling": {"enabled": True}}})
    assert alone[PORTAL]["spec"]["replicas"] == 2
    assert ("HorizontalPodAutoscaler", "voice-quality-portal") not in alone
    assert "replicas" not in scaled[PORTAL]["spec"], "each upgrade would undo what the autoscaler chose"
    target = scaled["HorizontalPodAutoscaler", "voice-quality-portal"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == PORTAL


def test_a_budget_never_blocks_a_drain_for_good() -> None:
    for replicas in (1, 2):
        found = rendered({"operator": {"replicas": replicas}, "portal": {"replicas": replicas}})
        budgets = {name: body["spec"] for (kind, name), body in found.items() if kind == "PodDisruptionBudget"}
        assert budgets.keys() == {"voice-quality-operator", "voice-quality-portal"}
        for name, spec in budgets.items():
            assert spec["maxUnavailable"] == 1
            assert spec["selector"] == found["Deployment", name]["spec"]["selector"]


def test_routes_are_for_the_portals_own_name() -> None:
    assert not [kind for kind, _ in rendered() if kind in {"Ingress", "HTTPRoute"}]
    both = rendered(EVERYTHING | {"portal": {**EVERYTHING["portal"], "url": "https://voice.example.net:8443"}})
    ingress = both["Ingress", "voice-quality-portal"]["spec"]
    assert ingress["rules"][0]["host"] == "voice.example.net"
    assert ingress["tls"] == [{"hosts": ["voice.example.net"], "secretName": "voice-tls"}]
    route = both["HTTPRoute", "voice-quality-portal"]["spec"]
    assert route["hostnames"] == ["voice.example.net"]
    assert route["parentRefs"] == [{"name": "public", "namespace": "gateways"}]


def test_every_service_is_of_the_families_that_were_asked_for() -> None:
    services = [each for each in objects(EVERYTHING) if each["kind"] == "Service"]
    assert len(services) == 3
    for service in services:
        assert service["spec"]["ipFamilyPolicy"] == "PreferDualStack"
        assert service["spec"]["ipFamilies"] == ["IPv6", "IPv4"]
    assert not [each for each in objects() if "ipFamilies" in each["spec" if "spec" in each else "metadata"]]


@pytest.mark.parametrize("monitor", ["ServiceMonitor", "PodMonitor"])
def test_a_monitor_finds_the_metrics_and_takes_the_annotations_place(monitor: str) -> None:
    found = rendered({"metrics": {"monitor": monitor, "labels": {"release": "prometheus"}}})
    for name in ("voice-quality-operator", "voice-quality-portal"):
        body = found[monitor, name]
        assert body["metadata"]["labels"]["release"] == "prometheus"
        wanted = body["spec"]["selector"]["matchLabels"].items()
        if monitor == "PodMonitor":
            chosen = [
                template for _, template in pod_templates(found) if wanted <= template["metadata"]["labels"].items()
            ]
            ports = [
                port["name"] for template in chosen for each in template["spec"]["containers"] for port in each["ports"]
            ]
        else:
            chosen = [
                each
                for (kind, _), each in found.items()
                if kind == "Service" and wanted <= each["metadata"]["labels"].items()
            ]
            ports = [port["name"] for each in chosen for port in each["spec"]["ports"]]
        assert len(chosen) == 1
        assert ports.count("metrics") == 1
        assert "prometheus.io/scrape" not in found["Deployment", name]["spec"]["template"]["metadata"].get(
            "annotations", {}
        )


def test_prometheus_finds_the_portals_metrics_on_a_port_that_the_proxy_does_not_know() -> None:
    found = rendered({"portal": {"metricsPort": 9464, "trustedProxies": ["10.0.0.0/8", "fd00::/8"]}})
    template = found[PORTAL]["spec"]["template"]
    portal = containers(template)["portal"]
    env = environment(portal)
    assert env["VOICE_PORTAL_METRICS_PORT"] == template["metadata"]["annotations"]["prometheus.io/port"] == "9464"
    assert portal["ports"] == [{"name": "metrics", "containerPort": 9464}]
    assert "9464" not in found["ConfigMap", "voice-quality-portal-proxy"]["data"]["nginx.conf"]
    assert env["VOICE_PORTAL_TRUSTED_PROXIES"] == "10.0.0.0/8,fd00::/8"


def test_the_proxy_listens_on_both_address_families_unless_told_otherwise() -> None:
    both = proxy()
    assert "listen 8080;" in both
    assert "listen [::]:8080;" in both
    one = proxy({"portal": {"address": "127.0.0.1"}})
    assert "listen 127.0.0.1:8080;" in one
    assert "listen [::]" not in one


def test_a_grafana_behind_tls_is_verified() -> None:
    assert "proxy_ssl_verify on;" in proxy()
    assert "proxy_ssl_name grafana.internal;" in proxy()
    assert "proxy_ssl" not in proxy({"grafana": {"url": "http://grafana:3000/grafana"}})


def test_grafanas_authority_is_everybodys() -> None:
    own = {"grafana": {"caConfigMap": "grafana-ca"}}
    env = environment(containers(pod(OPERATOR, own))["operator"])
    assert env["VOICE_GRAFANA_TLS_CA"] == "/etc/voice-grafana/ca.pem"
    assert environment(containers(pod(OPERATOR))["operator"])["VOICE_GRAFANA_TLS_CA"] == ""
    for name in ("portal", "proxy"):
        mounts = containers(pod(PORTAL, own))[name]["volumeMounts"]
        assert "/etc/voice-grafana" in {mount["mountPath"] for mount in mounts}
    assert environment(containers(pod(PORTAL, own))["portal"])["VOICE_GRAFANA_TLS_CA"] == "/etc/voice-grafana/ca.pem"
    assert "proxy_ssl_trusted_certificate /etc/voice-grafana/ca.pem;" in proxy(own)


def test_grafanas_name_is_asked_of_the_named_dns_server_or_of_the_pods_own() -> None:
    assert "resolver 10.0.0.10 valid=30s;" in proxy({"grafana": {"resolver": "10.0.0.10"}})
    assert "include /run/voice-proxy/resolver.conf;" in proxy()
    address = {"grafana": {"url": "http://[2001:db8::5]:3000/grafana"}}
    assert "resolver.conf" not in proxy(address), "an address needs none"


@pytest.mark.parametrize("address", ["", "[2001:db8::5]:3306"])
def test_the_address_of_mysql_for_grafana_is_passed_on_as_it_is(address: str) -> None:
    """Empty means the operator's own default, which knows where brackets belong."""
    template = pod(OPERATOR, {"grafana": {"mysqlAddress": address}})
    assert environment(containers(template)["operator"])["VOICE_GRAFANA_MYSQL_ADDRESS"] == address


@pytest.mark.parametrize("line", LINES)
def test_a_package_of_the_chart_has_its_crds_and_renders_the_same(line: str, tmp_path: Path) -> None:
    done = helm(line, "package", str(CHART), "--destination", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (package,) = tmp_path.glob("*.tgz")
    crds = helm(line, "show", "crds", str(package)).stdout
    assert len([each for each in yaml.safe_load_all(crds) if each]) == 3, "kubectl would take but the last of them"
    place = (RELEASE, str(package), "--namespace", NAMESPACE)
    packed = helm(line, "template", *place, values=with_required(EVERYTHING))
    assert packed.returncode == 0, packed.stderr
    assert [each for each in yaml.safe_load_all(packed.stdout) if each] == objects(EVERYTHING, line)


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_command_has_two_dollars_of_which_the_kubelet_would_take_one_away(variant: str) -> None:
    for _, found in pod_templates(rendered(VARIANTS[variant])):
        for container in containers(found).values():
            assert "$$" not in " ".join([*container.get("command", ()), *container.get("args", ())])


def test_the_portal_reads_the_providers_that_the_values_name(tmp_path: Path) -> None:
    """With the portal's own reader: what the chart writes is what it understands."""
    found = rendered(EVERYTHING)
    files = found["ConfigMap", "voice-quality-portal-providers"]["data"]
    portal = containers(found[PORTAL]["spec"]["template"])["portal"]
    mounts = {mount["name"]: mount["mountPath"] for mount in portal["volumeMounts"]}
    assert environment(portal)["VOICE_PORTAL_PROVIDERS_FILE"] == f"{mounts['providers']}/providers.toml"
    assert set(files) == {"providers.toml", "globex.xml"}
    text = files["providers.toml"]
    for name in ("providers", "providers-secret", "providers-ca"):
        text = text.replace(f'"{mounts[name]}/', f'"{tmp_path}/')
    with pytest.raises(reading.Faults) as caught:
        reading.parse(tomllib.loads(text), "file")
    lacking = {"acme", "globex.xml", "saml.key", "saml.crt", "ca.pem"}
    told = "\n".join(caught.value.faults)
    assert {name for name in lacking if f"{tmp_path}/{name}" in told} == lacking, "it looks for each file"
    assert all("not there" in fault for fault in caught.value.faults), "and has nothing else to say"
