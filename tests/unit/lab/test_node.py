"""What a node is made of: addresses that two labs never share, and its programs' files."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tomllib
from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from voice_lab import context
from voice_lab.node import archive, cgroups, controllers, machine, plan, texts
from voice_lab.node.plan import NodePlan

LARGEST = 4094
PLAN = NodePlan(0xABC)


def test_the_number_of_a_lab_is_among_those_that_addresses_have_room_for() -> None:
    indices = {context.Lab(f"lab-{number}", {}, {}).index for number in range(1000)}
    assert min(indices) >= 1
    assert max(indices) <= LARGEST


@pytest.mark.parametrize("index", [1, 0xABC, LARGEST])
def test_everything_of_a_cluster_is_in_its_network_and_nothing_twice(index: int) -> None:
    node = NodePlan(index)
    whole = IPv6Network(node.network)
    pods, services = IPv6Network(node.pods), IPv6Network(plan.services(index))
    assert pods.subnet_of(whole)
    assert services.subnet_of(whole)
    assert not pods.overlaps(services)
    assert IPv6Address(plan.api_service(index)) == services[1]
    for address in map(IPv6Address, (node.address, node.host_address)):
        assert address in whole
        assert address not in pods
        assert address not in services


def test_two_labs_share_no_network_no_link_and_no_control_group() -> None:
    one, two = NodePlan(1), NodePlan(2)
    assert not IPv6Network(one.network).overlaps(IPv6Network(two.network))
    assert one.link != two.link
    assert one.cgroup != two.cgroup


def test_a_links_name_is_short_enough_for_linux() -> None:
    assert len(NodePlan(LARGEST).link) <= 15


def test_the_plan_reaches_process_1_as_it_was_drawn_up() -> None:
    drawn = NodePlan(7, cni="/opt/cni/bin", snapshotter="native", policies=False)
    assert NodePlan.from_json(texts.files(drawn)["plan.json"]) == drawn


def test_containerd_runs_pods_with_the_labs_own_pause_image() -> None:
    config = tomllib.loads(texts.containerd(NodePlan(1, cni="/opt/cni/bin", snapshotter="native")))
    runtime = config["plugins"]["io.containerd.grpc.v1.cri"]
    assert runtime["sandbox_image"] == plan.PAUSE_IMAGE
    assert runtime["cni"]["bin_dir"] == "/opt/cni/bin"
    assert runtime["containerd"]["snapshotter"] == "native"
    assert runtime["restrict_oom_score_adj"] is True
    assert f"unix://{config['grpc']['address']}" == _kubelet()["containerRuntimeEndpoint"]


def _kubelet() -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(texts.kubelet(PLAN))
    return config


def test_a_kubelet_needs_neither_cgroup_v2_nor_the_right_to_lower_oom_scores() -> None:
    config = _kubelet()
    assert config["failCgroupV1"] is False
    assert config["oomScoreAdj"] == 0
    assert config["cgroupRoot"] == f"/{PLAN.cgroup}"


def test_a_kubelet_lets_nobody_in_without_a_certificate_or_token() -> None:
    config = _kubelet()
    assert config["authentication"]["anonymous"] == {"enabled": False}
    assert config["authorization"] == {"mode": "Webhook"}


def test_a_kubelet_changes_no_setting_of_the_machines_kernel() -> None:
    assert _kubelet()["protectKernelDefaults"] is True


def test_pods_ask_the_node_for_names_and_have_addresses_of_the_plan() -> None:
    assert _kubelet()["clusterDNS"] == [PLAN.address]
    network = json.loads(texts.cni(PLAN))
    assert network["plugins"][0]["ipam"]["ranges"] == [[{"subnet": PLAN.pods}]]
    assert yaml.safe_load(texts.proxy(PLAN))["clusterCIDR"] == PLAN.pods


def test_no_address_of_version_4_is_in_any_file() -> None:
    for name, text in texts.files(PLAN).items():
        for word in text.replace('"', " ").replace("/", " ").split():
            assert not _is_version_4(word), f"{name}: {word}"


def _is_version_4(word: str) -> bool:
    try:
        return ip_address(word).version == 4 or ip_network(word).version == 4
    except ValueError:
        return False


def test_names_are_the_clusters_and_this_machines_and_are_asked_of_nobody_else() -> None:
    text = texts.corefile(PLAN)
    assert f"{PLAN.host_address} {plan.HOST_NAME}" in text
    assert "forward" not in text
    assert text.count(f"bind {PLAN.address}") == text.count("bind ") == 3
    assert "rcode NXDOMAIN" in text


def test_policies_are_judged_from_the_queue_that_the_rules_fill() -> None:
    (command,) = [words for name, words in texts.programs(PLAN).items() if name == "kube-network-policies"]
    (rule,) = [rule for rule in texts.policy_rules(PLAN) if "NFQUEUE" in rule]
    assert f"--nfqueue-id={plan.POLICY_QUEUE}" in command
    assert rule.endswith(f"--queue-num {plan.POLICY_QUEUE}")


def test_without_policies_nobody_judges() -> None:
    assert "kube-network-policies" not in texts.programs(NodePlan(1, policies=False))


def test_the_nodes_programs_may_only_look() -> None:
    for each in yaml.safe_load_all(texts.rights()):
        for rule in each.get("rules", []):
            assert rule["verbs"] == ["list", "watch"]
            assert "secrets" not in rule["resources"]


def test_controllers_take_no_port_of_the_machine() -> None:
    for command in controllers.programs(Path("/programs"), Path("/kubeconfigs"), Path("/keys")).values():
        assert "--secure-port=0" in command
        assert "--leader-elect=false" in command


def image(**more: Any) -> bytes:
    return archive.image("localhost/x:1", {"bin/x": b"program"}, ["/bin/x"], architecture="amd64", **more)


def test_an_image_names_its_layer_by_what_is_in_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(image())) as tar:
        parts = {member.name: tar.extractfile(member).read() for member in tar.getmembers()}  # type: ignore[union-attr]
    config, (manifest,) = json.loads(parts["config.json"]), json.loads(parts["manifest.json"])
    assert manifest["RepoTags"] == ["localhost/x:1"]
    digest = hashlib.sha256(parts[manifest["Layers"][0]]).hexdigest()
    assert config["rootfs"]["diff_ids"] == [f"sha256:{digest}"]
    assert config["config"]["User"] == "65534:65534"


def test_an_image_holds_programs_and_links_to_them() -> None:
    with tarfile.open(fileobj=io.BytesIO(image(links={"bin/y": "x"}))) as tar:
        layer = tar.extractfile("layer.tar")
        assert layer is not None
        with tarfile.open(fileobj=layer) as inner:
            assert inner.getmember("bin/x").mode == 0o755
            assert inner.getmember("bin/y").linkname == "x"


def test_the_same_input_gives_the_same_image() -> None:
    assert image() == image()


def cgroup_v1(root: Path) -> Path:
    for name in (*cgroups.NEEDED, "systemd"):
        (root / name).mkdir()
    (root / "cpuacct").symlink_to("cpu")
    return root


def test_with_cgroup_v1_a_group_is_made_in_every_hierarchy_once(tmp_path: Path) -> None:
    root = cgroup_v1(tmp_path)
    cgroups.make("lab", root)
    assert {path.parent.name for path in root.glob("*/lab") if not path.parent.is_symlink()} == {
        *cgroups.NEEDED, "systemd",
    }  # fmt: skip
    assert cgroups.lacking("lab", root) == []


def test_controllers_that_are_mounted_together_are_all_there(tmp_path: Path) -> None:
    for name in ("cpu,cpuacct", "cpuset", "memory", "pids"):
        (tmp_path / name).mkdir()
    assert cgroups.lacking("lab", tmp_path) == []


def test_a_controller_that_is_not_there_is_named(tmp_path: Path) -> None:
    root = cgroup_v1(tmp_path)
    (root / "memory").rmdir()
    assert cgroups.lacking("lab", root) == ["memory"]


def test_with_cgroup_v2_controllers_are_passed_on_to_the_group(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("")
    cgroups.make("lab", tmp_path)
    assert (tmp_path / "cgroup.subtree_control").read_text().startswith("+")
    (tmp_path / "lab" / "cgroup.controllers").write_text("cpu memory pids\n")
    assert cgroups.lacking("lab", tmp_path) == ["cpuset"]


def test_groups_are_removed_with_all_that_are_in_them(tmp_path: Path) -> None:
    root = cgroup_v1(tmp_path)
    cgroups.make("lab", root)
    for place in cgroups.hierarchies(root):
        (place / "lab" / "kubepods" / "pod1").mkdir(parents=True)
    cgroups.remove("lab", root)
    assert not list(root.glob("*/lab"))
    cgroups.remove("lab", root)  # and quiet where there is nothing


def test_only_what_is_not_there_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Debian's containerd would take the place of Docker's."""
    monkeypatch.setattr(machine, "CNI_FOLDERS", (tmp_path,))
    monkeypatch.setattr(machine.shutil, "which", lambda name, path="": None if name == "catatonit" else f"/bin/{name}")
    assert machine.packages() == ("catatonit", "containernetworking-plugins")
    (tmp_path / "ptp").touch()
    assert machine.packages() == ("catatonit",)


def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "geteuid", lambda: 1000)
    assert machine.why_not() == "a node needs root"
