"""`make cluster` as its user meets it: a cluster to work with, or a look at the one that a kubeconfig names."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import Cluster
from tests.labs import own_name
from voice_lab import commands, context, places, stack
from voice_lab.node import archive, machine
from voice_lab.node.plan import NodePlan
from voice_lab.services import cluster as cluster_service
from voice_lab.tools import go
from voice_lab.tools import kubectl as kubectl_tool

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(400)]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "voice_lab", "cluster", *arguments]


def look(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Have a kubeconfig looked at."""
    words = command("--kubeconfig", str(path), *arguments)
    done = subprocess.run(words, cwd=places.CHECKOUT, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done


def renamed(cluster: Cluster, path: Path, name: str) -> Path:
    """Write the administrator's kubeconfig with another name for its context."""
    config = yaml.safe_load(cluster.lab.admin_kubeconfig.read_text())
    config["current-context"] = config["contexts"][0]["name"] = name
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture
def name() -> Iterator[str]:
    """A name for a lab of the test's own, whose remains are ended afterwards."""
    if reason := machine.why_not():
        pytest.skip(f"this machine cannot run pods: {reason}")
    name = own_name("cluster")
    yield name
    stack.clear(name)


def kubeconfig_of(running: subprocess.Popen[str]) -> Path:
    """Return the kubeconfig that the command tells to export, once it does."""
    assert running.stdout is not None
    for line in running.stdout:
        if "export KUBECONFIG=" in line:
            return Path(line.partition("KUBECONFIG=")[2].strip())
    raise AssertionError("no KUBECONFIG is told")


def nodes(kubeconfig: Path) -> list[str]:
    program = kubectl_tool.program("kubectl")
    return commands.run([program, f"--kubeconfig={kubeconfig}", "get", "nodes", "-o", "name"]).split()


def remains(name: str) -> bool:
    index = context.Lab(name, {}, {}).index
    return Path("/sys/class/net", NodePlan(index).link).exists() or context.load(name) is not None


def loaded(name: str, image: Path) -> subprocess.CompletedProcess[str]:
    """Put an archive of an image into the cluster of a lab."""
    words = [sys.executable, "-m", "voice_lab", "load", "--name", name, str(image)]
    return subprocess.run(words, cwd=places.CHECKOUT, capture_output=True, text=True, check=False)


def test_a_cluster_stays_until_it_is_interrupted_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    image = tmp_path / "image.tar"
    image.write_bytes(archive.image("localhost/x:1", {"x": b""}, ["/x"], architecture=go.architecture()))
    with subprocess.Popen(command("--name", name), cwd=places.CHECKOUT, stdout=subprocess.PIPE, text=True) as running:
        assert nodes(kubeconfig_of(running)) == ["node/lab"]
        assert loaded(name, image).returncode == 0
        assert "there is no file /no/such" in loaded(name, Path("/no/such")).stderr
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=60) == 0
    assert not remains(name)


def test_a_cluster_that_was_killed_is_cleared(name: str) -> None:
    with subprocess.Popen(command("--name", name), cwd=places.CHECKOUT, stdout=subprocess.PIPE, text=True) as running:
        kubeconfig_of(running)
        running.kill()
    assert remains(name)
    done = subprocess.run(
        [sys.executable, "-m", "voice_lab", "down", name],
        cwd=places.CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not remains(name)


def test_a_cluster_of_ones_own_is_looked_at(cluster: Cluster) -> None:
    done = look(cluster.lab.admin_kubeconfig)
    assert done.returncode == 0, done.stderr
    assert f"export KUBECONFIG={cluster.lab.admin_kubeconfig}" in done.stdout
    assert "context lab, you are admin" in done.stdout
    assert "helm upgrade --install voice-quality charts/voice-quality" in done.stdout
    assert "docs/install.md" in done.stdout


def test_what_looks_like_production_has_to_be_named(cluster: Cluster, tmp_path: Path) -> None:
    path = renamed(cluster, tmp_path / "config", "acme-prod")
    refused = look(path)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert "CONTEXT='acme-prod'" in refused.stderr
    assert look(path, "--context", "acme-prod").returncode == 0


def test_no_demo_fills_what_looks_like_production(cluster: Cluster, tmp_path: Path) -> None:
    path = renamed(cluster, tmp_path / "config", "acme-prod")
    words = [sys.executable, "-m", "voice_lab", "demo", "--check", "--port", "0", "--kubeconfig", str(path)]
    done = subprocess.run(words, cwd=places.CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "CONTEXT='acme-prod'" in done.stderr


def test_a_cluster_that_is_not_there_takes_no_images(tmp_path: Path) -> None:
    done = loaded("nobodys", tmp_path)
    assert done.returncode == 1
    assert "there is no lab called nobodys: `make cluster` starts one" in done.stderr


def test_who_may_not_install_is_told_what_to_ask_for(cluster: Cluster) -> None:
    cluster.kubectl("create", "serviceaccount", "guest", "-n", "default")
    done = look(cluster_service.service_account_kubeconfig(cluster.lab, "default", "guest"))
    assert done.returncode == 1
    assert "system:serviceaccount:default:guest may not install the chart there" in done.stderr
    assert "cluster-admin" in done.stderr


def test_a_server_that_does_not_answer_is_named(cluster: Cluster, tmp_path: Path) -> None:
    config = yaml.safe_load(cluster.lab.admin_kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    path = tmp_path / "config"
    path.write_text(json.dumps(config))
    done = look(path)
    assert done.returncode == 1
    assert "the cluster of the context lab (https://127.0.0.1:9): " in done.stderr
