"""What is written for the cluster beside the templates: it fits the stacks, the chart, and what Kubernetes takes."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Cluster, Services
from tests.integration.cdk.synthesised import CHECKOUT, Assembly
from voice_lab.tools import kubectl

CHART = CHECKOUT / "charts" / "voice-quality"
PLACEHOLDER = re.compile(r"\$\{voice-([A-Za-z0-9-]+)\.([A-Za-z0-9]+)\}")
OF_ADD_ONS = {"SecretProviderClass", "TargetGroupBinding"}
"""Kinds that Kubernetes itself does not know."""


def folder(platform: Assembly) -> Path:
    return platform.folder / "kubernetes"


def objects(platform: Assembly) -> list[dict[str, Any]]:
    files = sorted(each for each in folder(platform).iterdir() if ".values." not in each.name)
    return [each for path in files for each in yaml.safe_load_all(path.read_text())]


def named(platform: Assembly, kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in objects(platform) if each["kind"] == kind}


def values(platform: Assembly, chart: str) -> dict[str, Any]:
    (path,) = folder(platform).glob(f"*-{chart}.values.yaml")
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


@pytest.fixture(scope="module")
def filled(platform: Assembly, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is written, with every output of the stacks filled in by some value."""
    into = tmp_path_factory.mktemp("filled")
    outputs = {
        f"voice-{stack}": {name: some_value(name) for name in template.get("Outputs", {})}
        for stack, template in platform.stacks.items()
    }
    (into / "outputs.json").write_text(json.dumps(outputs))
    command = [CHECKOUT / "cdk" / "fill-manifests", into / "outputs.json", folder(platform), into]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return into


def some_value(output: str) -> str:
    return f"2001:db8:a:{ord(output[-1]):x}::/64" if output.startswith("FromEdge") else f"some-{output.lower()}"


# --- with the stacks


def test_what_aws_alone_knows_is_an_output_of_the_stacks(platform: Assembly):
    wanted = {match for path in folder(platform).iterdir() for match in PLACEHOLDER.findall(path.read_text())}
    assert len(wanted) == 10
    for stack, name in wanted:
        assert name in platform.stacks[stack]["Outputs"], (stack, name)


def test_service_accounts_with_a_role_in_aws_are_there(platform: Assembly):
    accounts = {(each["metadata"]["namespace"], name) for name, each in named(platform, "ServiceAccount").items()}
    by_chart = values(platform, "aws-load-balancer-controller")["serviceAccount"]
    accounts.add(("kube-system", by_chart["name"]))
    associations = platform.of_type("EKS::PodIdentityAssociation").values()
    assert {(each["Namespace"], each["ServiceAccount"]) for each in associations} == accounts


def test_the_portals_pods_are_put_into_its_target_group(platform: Assembly):
    binding = named(platform, "TargetGroupBinding")["voice-quality-portal"]["spec"]
    (targets,) = platform.of_type("ElasticLoadBalancingV2::TargetGroup").values()
    assert (binding["targetType"], binding["ipAddressType"]) == (targets["TargetType"], targets["IpAddressType"])
    # Who may talk to pods is the templates' to say: the controller is given no rules to make.
    assert "networking" not in binding


# --- with the chart


def rendered(filled: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """The chart's objects, made with the values that are written for it."""
    arguments = ["template", "voice-quality", CHART, "--namespace", "voice-quality"]
    command = [kubectl.program("helm"), *arguments, "--values", filled / "4-voice-quality.values.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = [each for each in yaml.safe_load_all(done.stdout) if each]
    return {(each["kind"], each["metadata"]["name"]): each for each in made}


@pytest.mark.services
def test_the_chart_takes_its_values_and_its_service_is_the_one_that_is_bound(platform: Assembly, filled: Path):
    chart = rendered(filled)
    reference = named(platform, "TargetGroupBinding")["voice-quality-portal"]["spec"]["serviceRef"]
    ports = {each["name"] for each in chart["Service", reference["name"]]["spec"]["ports"]}
    assert reference["port"] in ports


@pytest.mark.services
def test_secrets_that_the_chart_reads_are_brought(platform: Assembly, filled: Path):
    (secrets,) = named(platform, "SecretProviderClass").values()
    brought = {(each["secretName"], data["key"]) for each in secrets["spec"]["secretObjects"] for data in each["data"]}
    mounted = re.findall(r"'secretName': '(voice-(?:mysql|grafana))'[^\[]*'items': \[([^\]]*)\]", str(rendered(filled)))
    read = {(name, key) for name, items in mounted for key in re.findall(r"'key': '([a-z]+)'", items)}
    assert read == brought


def test_each_secret_that_is_brought_is_a_file_of_what_is_mounted(platform: Assembly):
    """Its provider takes a secret once, with the keys of it."""
    (secrets,) = named(platform, "SecretProviderClass").values()
    mounted = yaml.safe_load(secrets["spec"]["parameters"]["objects"])
    files = [path["objectAlias"] for each in mounted for path in each["jmesPath"]]
    data = [each for made in secrets["spec"]["secretObjects"] for each in made["data"]]
    assert sorted(files) == sorted(each["objectName"] for each in data)
    assert len({each["objectName"] for each in mounted}) == len(mounted) == 4


@pytest.mark.services
def test_the_proxy_trusts_the_load_balancer_and_nobody_else(filled: Path):
    portal = rendered(filled)["Deployment", "voice-quality-portal"]
    assert "'VOICE_PORTAL_TRUSTED_PROXIES', 'value': '2001:db8:a:41::/64,2001:db8:a:42::/64'" in str(portal)


# --- namespaces, and who talks in them


def test_each_client_has_its_namespace_and_none_admits_pods_with_privileges(platform: Assembly):
    namespaces = named(platform, "Namespace")
    assert set(namespaces) == {"voice-quality", "acme", "globex", "initech"}
    for each in namespaces.values():
        assert each["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.services
def test_the_charts_pods_are_admitted_there(filled: Path):
    """The profile `restricted`, as far as a pod's specification can break it."""
    for (kind, _), made in rendered(filled).items():
        if kind == "Deployment":
            assert_restricted(made["spec"]["template"]["spec"])


def test_so_are_our_own(platform: Assembly):
    for made in named(platform, "Deployment").values():
        assert_restricted(made["spec"]["template"]["spec"])


def assert_restricted(pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_nobody_talks_to_pods_but_to_the_portals(platform: Assembly):
    policies = [each for each in objects(platform) if each["kind"] == "NetworkPolicy"]
    closed = {each["metadata"]["namespace"] for each in policies if not each["spec"]["podSelector"]["matchLabels"]}
    assert closed == set(named(platform, "Namespace"))
    (opened,) = [each for each in policies if "ingress" in each["spec"]]
    assert opened["spec"]["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "voice-quality-portal"}}
    assert opened["spec"]["ingress"] == [{"ports": [{"port": 8080, "protocol": "TCP"}]}]


@pytest.mark.services
def test_an_api_server_takes_every_object_of_a_kind_that_it_knows(services: Services, platform: Assembly):
    """By a dry run at the server that takes no unknown field, in a namespace that is there."""
    known = [here(each) for each in objects(platform) if each["kind"] not in OF_ADD_ONS]
    items = json.dumps({"apiVersion": "v1", "kind": "List", "items": known})
    arguments = ["create", "--dry-run=server", "--validate=strict", "-o", "name", "-f", "-"]
    taken = Cluster(services.up("cluster")).kubectl(*arguments, stdin=items).split()
    assert len(taken) == len(known) > 10


def here(content: dict[str, Any]) -> dict[str, Any]:
    """An object under a name and in a namespace with which it is in nobody's way."""
    metadata = dict(content["metadata"])
    metadata["name"] += f"-{metadata.pop('namespace', 'none')}-dry"
    if content["kind"] != "Namespace":
        metadata["namespace"] = "default"
    return {**content, "metadata": metadata}
