"""The chart on a real API server, which enforces pod security "restricted", by helm 3 and helm 4 both."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from tests.chart import LINES, NAMESPACE, helm, objects, pod_templates, program, rendered, with_required
from tests.integration.test_chart import EVERYTHING, VARIANTS
from tests.labs import own_lab
from voice_lab import pods, waiting
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.services import chart, cluster
from voice_lab.services.chart import CHART, CRDS
from voice_lab.tools import kubectl as kubectl_tool

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]

SECRETS = {
    "voice-mysql": ("owner", "operator", "portal"),
    "voice-grafana": ("user", "password"),
    "voice-portal": ("secret-key", "grafana-jwt.pem"),
    "voice-portal-providers": ("acme", "saml.key", "saml.crt"),
}
CONTENTS = {"secret-key": "x" * 50, "grafana-jwt.pem": "-----BEGIN PRIVATE KEY-----"}
REVISION = "voicequality.io/crd-revision"
LABEL = "pod-security.kubernetes.io"
Body = dict[str, Any]


def strict(properties: Mapping[str, Any]) -> Body:
    return {"type": "object", "properties": properties}


TEXT = {"type": "string"}
TEXTS = {"type": "object", "additionalProperties": TEXT}
ENDPOINTS = {"type": "array", "items": strict({"port": TEXT, "path": TEXT, "interval": TEXT})}
REFERENCES = {"type": "array", "items": strict({"name": TEXT, "namespace": TEXT, "port": {"type": "integer"}})}
MATCHES = {"type": "array", "items": strict({"path": strict({"type": TEXT, "value": TEXT})})}
# Of the kinds that others bring into a cluster, the fields that the chart uses, by their documentation. Others are
# refused.
OTHERS = {
    ("monitoring.coreos.com", "ServiceMonitor"): {"selector": strict({"matchLabels": TEXTS}), "endpoints": ENDPOINTS},
    ("monitoring.coreos.com", "PodMonitor"): {
        "selector": strict({"matchLabels": TEXTS}),
        "podMetricsEndpoints": ENDPOINTS,
    },
    ("gateway.networking.k8s.io", "HTTPRoute"): {
        "parentRefs": REFERENCES,
        "hostnames": {"type": "array", "items": TEXT},
        "rules": {"type": "array", "items": strict({"matches": MATCHES, "backendRefs": REFERENCES})},
    },
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """An API server of this file alone: it changes CRDs."""
    with own_lab("chart", ("cluster",)) as lab:
        for (group, kind), properties in OTHERS.items():
            cluster.apply(lab, json.dumps(other_crd(group, kind, properties)))
        for name in (NAMESPACE, "acme"):
            make_namespace(lab, name)
        yield lab


def other_crd(group: str, kind: str, properties: Mapping[str, Any]) -> Body:
    plural = f"{kind.lower()}s"
    schema = {"openAPIV3Schema": strict({"spec": strict(properties)})}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


def make_namespace(lab: Lab, name: str) -> None:
    """A namespace with restricted pods, and what the chart refers to."""
    labels = {f"{LABEL}/enforce": "restricted", f"{LABEL}/warn": "restricted"}
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    cluster.apply(lab, json.dumps(body))
    for secret, keys in SECRETS.items():
        put(lab, name, "Secret", secret, {"stringData": {key: CONTENTS.get(key, "x") for key in keys}})
    for config in ("voice-mysql-ca", "voice-grafana-ca", "voice-providers-ca"):
        put(lab, name, "ConfigMap", config, {"data": {"ca.pem": "-----BEGIN CERTIFICATE-----"}})


def put(lab: Lab, namespace: str, kind: str, name: str, content: Body) -> None:
    body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}}
    cluster.apply(lab, json.dumps(body | content))


def kubectl(lab: Lab, *arguments: str, stdin: str) -> subprocess.CompletedProcess[str]:
    """Kubectl with its warnings."""
    command = [str(kubectl_tool.program("kubectl")), f"--kubeconfig={lab.admin_kubeconfig}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, input=stdin)


def release(
    lab: Lab, line: str, verb: str, values: Mapping[str, Any], *options: str, namespace: str = NAMESPACE
) -> subprocess.CompletedProcess[str]:
    """Install or upgrade the release `voice`; nothing runs the hooks' pods here."""
    where = (f"--kubeconfig={lab.admin_kubeconfig}", "--namespace", namespace)
    return helm(line, verb, "voice", str(CHART), *where, "--no-hooks", *options, values=with_required(values))


def uninstall(lab: Lab, line: str, namespace: str = NAMESPACE) -> None:
    done = helm(
        line,
        "uninstall",
        "voice",
        "--ignore-not-found",
        "--namespace",
        namespace,
        f"--kubeconfig={lab.admin_kubeconfig}",
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def crds(lab: Lab) -> Iterator[None]:
    """This version's CRDs, and no release but a test's own."""
    bring_up_crds(lab)
    yield
    for name in (NAMESPACE, "one", "two"):
        uninstall(lab, "helm 4", name)


def bring_up_crds(lab: Lab, change=lambda crd: crd) -> None:
    documents = [change(yaml.safe_load(path.read_text())) for path in sorted(CRDS.glob("*.yaml"))]
    options = ("--server-side", "--field-manager=helm", "--force-conflicts")
    cluster.kubectl(lab, "apply", *options, "-f", "-", stdin=yaml.safe_dump_all(documents))


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_api_server_takes_every_manifest_without_a_warning(lab: Lab, variant: str) -> None:
    text = yaml.safe_dump_all(objects(VARIANTS[variant]))
    options = ("--server-side", "--dry-run=server", "--validate=strict")
    cluster.kubectl(lab, "config", "set-context", "--current", f"--namespace={NAMESPACE}")
    done = kubectl(lab, "apply", *options, "-f", "-", stdin=text)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_pod_is_admitted_where_pods_are_restricted(lab: Lab, variant: str) -> None:
    names = []
    for name, template in pod_templates(rendered(VARIANTS[variant])):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"{name}-0"}, "spec": template["spec"]}
        pod["spec"].pop("priorityClassName", None)  # this cluster's namespaces may not use the system's
        done = kubectl(lab, "create", "--dry-run=server", "-n", NAMESPACE, "-f", "-", stdin=json.dumps(pod))
        assert done.returncode == 0, done.stderr
        assert "Warning" not in done.stderr
        names.append(name)
    assert len(names) == 4


def test_a_pod_that_runs_as_root_would_not_be(lab: Lab) -> None:
    (template,) = (pod for name, pod in pod_templates(rendered()) if name == "voice-quality-portal")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": template["spec"]}
    pod["spec"]["securityContext"]["runAsNonRoot"] = False
    done = kubectl(lab, "create", "--dry-run=server", "-n", NAMESPACE, "-f", "-", stdin=json.dumps(pod))
    assert 'violates PodSecurity "restricted' in done.stderr


@pytest.mark.parametrize("line", LINES)
def test_a_missing_secret_or_key_is_told_before_anything_is_changed(lab: Lab, crds: None, line: str) -> None:
    make_namespace(lab, "missing")
    cluster.kubectl(lab, "delete", "secret", "voice-grafana", "-n", "missing")
    cluster.kubectl(lab, "delete", "configmap", "voice-mysql-ca", "-n", "missing")
    put(lab, "missing", "Secret", "voice-mysql", {"stringData": {"owner": "x", "portal": "x"}})
    cluster.kubectl(lab, "patch", "secret", "voice-mysql", "-n", "missing", "-p", '{"data": {"operator": null}}')
    done = release(lab, line, "install", {}, namespace="missing")
    assert done.returncode != 0
    assert (
        "the Secret voice-grafana, which grafana.existingSecret names, is not in the namespace missing: kubectl create "
        "secret generic voice-grafana --namespace missing --from-file=user=FILE --from-file=password=FILE"
    ) in done.stderr
    assert "the ConfigMap voice-mysql-ca, which mysql.caConfigMap names, is not in the namespace" in done.stderr
    assert (
        "the Secret voice-mysql of the namespace missing, which mysql.existingSecret names, has no key operator: "
        "it needs owner and operator and portal"
    ) in done.stderr
    assert cluster.kubectl(lab, "get", "deployments", "-n", "missing", "-o", "name") == ""
    trusting = release(lab, line, "install", {"preflight": False}, "--dry-run=server", namespace="missing")
    assert trusting.returncode == 0, trusting.stderr


@pytest.mark.parametrize("line", LINES)
def test_a_policy_that_would_keep_the_operator_from_the_api_server_is_refused(lab: Lab, crds: None, line: str) -> None:
    """Where the API server listens differs from cluster to cluster; policies look at its own port."""
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "kubernetes", "namespace": "default"},
        "addressType": "IPv6",
        "endpoints": [{"addresses": ["2001:db8::1"]}],
        "ports": [{"name": "https", "port": 16443, "protocol": "TCP"}],
    }
    cluster.apply(lab, json.dumps(slice_))
    try:
        refused = release(lab, line, "install", {}, "--dry-run=server")
        named = {"networkPolicies": {"ports": {"apiServer": [443, 16443]}}}
        without = {"networkPolicies": {"enabled": False}}
        taken = [release(lab, line, "install", values, "--dry-run=server") for values in (named, without)]
    finally:
        cluster.kubectl(lab, "delete", "endpointslice", "kubernetes", "-n", "default")
    assert refused.returncode != 0
    assert (
        "the API server listens at port 16443, and networkPolicies.ports.apiServer does not let the operator reach it: "
        "it must be [443, 6443, 16443]"
    ) in refused.stderr
    assert [done.returncode for done in taken] == [0, 0], taken[0].stderr + taken[1].stderr


@pytest.mark.parametrize("line", LINES)
def test_what_a_key_cannot_hold_is_told_before_anything_is_changed(lab: Lab, crds: None, line: str) -> None:
    make_namespace(lab, "contents")
    put(lab, "contents", "Secret", "voice-mysql", {"stringData": {"owner": "x", "operator": "\n", "portal": "x"}})
    put(lab, "contents", "Secret", "voice-portal", {"stringData": {"secret-key": "short", "grafana-jwt.pem": "x"}})
    put(lab, "contents", "ConfigMap", "voice-mysql-ca", {"data": {"ca.pem": "x"}})
    done = release(lab, line, "install", {}, namespace="contents")
    assert done.returncode != 0
    for sentence in (
        "the Secret voice-mysql of the namespace contents, which mysql.existingSecret names, has nothing in its key "
        "operator: put the value itself into it",
        "portal.existingSecret names, has less than 50 characters in its key secret-key",
        "portal.existingSecret names, has no private key in its key grafana-jwt.pem: it must be an RSA key in PEM",
        "mysql.caConfigMap names, has no certificate in its key ca.pem: it must be that of the authority, in PEM",
    ):
        assert sentence in done.stderr
    assert cluster.kubectl(lab, "get", "deployments", "-n", "contents", "-o", "name") == ""


@pytest.mark.parametrize("line", LINES)
def test_two_releases_in_two_namespaces_do_not_collide(lab: Lab, crds: None, line: str) -> None:
    for name in ("one", "two"):
        make_namespace(lab, name)
        done = release(lab, line, "install", {}, namespace=name)
        assert done.returncode == 0, done.stderr
    for name in ("one", "two"):
        done = release(lab, line, "upgrade", {}, namespace=name)
        assert done.returncode == 0, done.stderr
        role = json.loads(
            cluster.kubectl(lab, "get", "clusterrolebinding", f"voice-quality-operator-{name}", "-o", "json")
        )
        assert [subject["namespace"] for subject in role["subjects"]] == [name]
    uninstall(lab, line, "one")
    left = cluster.kubectl(lab, "get", "clusterroles", "-o", "name")
    assert "voice-quality-operator-two" in left
    assert "voice-quality-operator-one" not in left
    assert "voice-quality-receivers" in left, (
        "RoleBindings of clients name it, and the other release's operator needs it"
    )
    uninstall(lab, line, "two")
    again = release(lab, line, "install", {}, namespace="two")
    assert again.returncode == 0, again.stderr
    uninstall(lab, line, "two")
    where = (f"--kubeconfig={lab.admin_kubeconfig}", "--namespace", "two", "--dry-run=server", "--no-hooks")
    renamed = helm(line, "install", "another-name", str(CHART), *where, values=with_required({}))
    assert renamed.returncode == 0, renamed.stderr


@pytest.mark.parametrize("line", LINES)
def test_an_upgrade_leaves_the_autoscaler_its_number_of_pods(lab: Lab, crds: None, line: str) -> None:
    scaled = {"portal": {"autoscaling": {"enabled": True}}}
    assert release(lab, line, "install", scaled).returncode == 0
    cluster.kubectl(lab, "scale", "deployment/voice-quality-portal", "--replicas=5", "-n", NAMESPACE)
    done = release(lab, line, "upgrade", scaled | {"commonAnnotations": {"changed": "yes"}})
    assert done.returncode == 0, done.stderr
    found = json.loads(cluster.kubectl(lab, "get", "deployment/voice-quality-portal", "-n", NAMESPACE, "-o", "json"))
    assert found["metadata"]["annotations"]["changed"] == "yes"
    assert found["spec"]["replicas"] == 5


@pytest.mark.parametrize("line", LINES)
def test_everything_can_be_turned_on_and_off_again_by_an_upgrade(lab: Lab, crds: None, line: str) -> None:
    own = EVERYTHING | {"ipFamilies": [], "ipFamilyPolicy": ""}  # the families of a Service that is there cannot change
    for values in ({}, own, {}):
        done = release(lab, line, "upgrade", values, "--install")
        assert done.returncode == 0, done.stderr
    uninstall(lab, line)
    kinds = "deployments,services,networkpolicies,ingresses,httproutes,servicemonitors,hpa,pdb,roles,configmaps"
    left = cluster.kubectl(
        lab, "get", kinds, "-n", NAMESPACE, "-l", "app.kubernetes.io/part-of=voice-quality", "-o", "name"
    )
    assert left == ""


@pytest.mark.parametrize("line", LINES)
def test_the_notes_name_the_next_three_commands_of_this_release(lab: Lab, crds: None, line: str) -> None:
    done = release(lab, line, "install", {"portal": {"ingress": {"enabled": True}}}, "--dry-run=server")
    notes = done.stdout.partition("NOTES:")[2]
    commands = [each.strip() for each in notes.splitlines() if each.startswith("  ")]
    assert len(commands) == 3
    assert commands[0] == f"helm test voice --namespace {NAMESPACE}"
    assert f"deployment/voice-quality-portal --container portal --namespace {NAMESPACE}" in commands[1]
    assert commands[1].endswith("python -m django break_glass NAME")
    assert "portal.providers names no provider of identity yet" in notes
    assert "docs/install.md" in notes
    assert "kubectl apply" in commands[2]
    assert "portal.trustedProxies is empty" in notes, "everybody would have the load balancer's address"
    plain = release(lab, line, "install", {}, "--dry-run=server").stdout
    assert "trustedProxies is empty" not in plain


def older(crd: Body) -> Body:
    """The CRDs of the version before: that of VoiceProbes has no revision, and a field less."""
    if crd["spec"]["names"]["kind"] == "VoiceProbe":
        del crd["metadata"]["annotations"]
        del crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["displayName"]
    return crd


def knows_display_name(lab: Lab) -> bool:
    crd = json.loads(cluster.kubectl(lab, "get", "crd", "voiceprobes.voicequality.io", "-o", "json"))
    return "displayName" in crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]


def run_mend(lab: Lab, line: str, said: str) -> None:
    """Do what the chart's sentence says, word by word, with the chart's own path."""
    mend = said.partition("first: ")[2].splitlines()[0].replace("CHART", str(CHART))
    programs = [program(line).parent, kubectl_tool.program("kubectl").parent]
    path = ":".join([*map(str, programs), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, "KUBECONFIG": str(lab.admin_kubeconfig)}
    done = subprocess.run(["sh", "-ec", mend], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", LINES)
def test_an_upgrade_from_older_crds_is_refused_until_they_are_brought_up(lab: Lab, crds: None, line: str) -> None:
    assert release(lab, line, "install", {}).returncode == 0
    bring_up_crds(lab, older)
    refused = release(lab, line, "upgrade", {})
    assert refused.returncode != 0
    assert "CRD voiceprobes.voicequality.io is older (revision 0) than this chart needs (2)" in refused.stderr
    run_mend(lab, line, refused.stderr)
    assert knows_display_name(lab)
    done = release(lab, line, "upgrade", {})
    assert done.returncode == 0, done.stderr
    uninstall(lab, line)
    assert knows_display_name(lab), "CRDs stay, with all that was declared"


@pytest.mark.parametrize("line", LINES)
def test_an_install_over_older_crds_leaves_no_older_one(lab: Lab, crds: None, line: str) -> None:
    """Helm 3 leaves CRDs that are there alone, and the chart refuses; helm 4 puts the chart's in their place."""
    bring_up_crds(lab, older)
    done = release(lab, line, "install", {})
    if line == "helm 3":
        assert done.returncode != 0
        assert "is older (revision 0)" in done.stderr
        run_mend(lab, line, done.stderr)
        done = release(lab, line, "install", {})
    assert done.returncode == 0, done.stderr
    assert knows_display_name(lab)


@pytest.mark.parametrize("line", LINES)
def test_an_upgrade_without_any_crds_is_refused(lab: Lab, crds: None, line: str) -> None:
    assert release(lab, line, "install", {}).returncode == 0
    cluster.kubectl(lab, "delete", "crd", "numberallotments.voicequality.io")
    refused = release(lab, line, "upgrade", {})
    assert refused.returncode != 0
    assert "CRD numberallotments.voicequality.io is missing" in refused.stderr
    run_mend(lab, line, refused.stderr)
    done = release(lab, line, "upgrade", {})
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", LINES)
def test_newer_crds_are_no_reason_to_refuse(lab: Lab, crds: None, line: str) -> None:
    """A release is taken back to the version before, and the CRDs are not."""
    assert release(lab, line, "install", {}).returncode == 0
    cluster.kubectl(lab, "annotate", "--overwrite", "crd", "voiceprobes.voicequality.io", f"{REVISION}=99")
    done = release(lab, line, "upgrade", {})
    assert done.returncode == 0, done.stderr


def test_the_lab_refuses_a_cluster_with_crds_that_no_lab_made(lab: Lab, crds: None) -> None:
    with pytest.raises(LabError, match=r"has the CRD \w+\.voicequality\.io, which no lab made"):
        chart.refuse_foreign_crds(lab)
    before = cluster.kubectl(lab, "get", "crds,namespaces", "-o", "name")
    theirs = dataclasses.replace(lab, kubeconfig=str(lab.admin_kubeconfig))
    with pytest.raises(LabError, match="Use another cluster"):
        chart.start(theirs)
    assert cluster.kubectl(lab, "get", "crds,namespaces", "-o", "name") == before, "nothing was changed before"


def test_the_lab_takes_its_crds_with_it_unless_somebody_else_has_declared_something(lab: Lab, crds: None) -> None:
    theirs = dataclasses.replace(lab, kubeconfig=str(lab.admin_kubeconfig))
    names = [f"{path.stem}.voicequality.io" for path in CRDS.glob("*.yaml")]
    cluster.claim(lab, "crd", names)
    chart.refuse_foreign_crds(lab)
    cluster.claim_namespace(theirs, pods.NAMESPACE)
    body = {"apiVersion": "voicequality.io/v1alpha1", "kind": "NumberAllotment", "metadata": {"name": "somebodys"}}
    cluster.apply(lab, json.dumps(body | {"spec": {"client": "somebody", "numbers": ["agent-7"]}}))
    chart.stop(theirs)
    assert set(names) <= set(crd_names(lab))
    cluster.kubectl(lab, "delete", "numberallotment", "somebodys")
    chart.stop(theirs)
    waiting.until(lambda: not set(names) & set(crd_names(lab)), what="the lab's CRDs are gone", seconds=60)


def crd_names(lab: Lab) -> list[str]:
    return [item["metadata"]["name"] for item in json.loads(cluster.kubectl(lab, "get", "crds", "-o", "json"))["items"]]
