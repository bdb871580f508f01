"""The lab as its user meets it on the command line: what it prints, how it ends, and what it leaves behind."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.labs import own_name
from voice_lab import context, places, processes, stack, waiting
from voice_lab.services import cluster, network

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(900)]  # a whole demo, beside a node

EXAMPLES = sum("kind: VoiceProbe\n" in path.read_text() for path in (places.CHECKOUT / "examples").glob("*.yaml"))


def lab_command(*arguments: str) -> list[str]:
    """Return the command line of the lab."""
    return [sys.executable, "-m", "voice_lab", *arguments]


def run(*arguments: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run the lab's command to its end."""
    return subprocess.run(
        [*prefix, *lab_command(*arguments)], cwd=places.CHECKOUT, capture_output=True, text=True, check=False
    )


def error(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one error message, and see that there is neither a result nor a traceback."""
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.count("ERROR:") == 1
    return done.stderr.partition("ERROR:")[2]


@pytest.fixture
def name() -> Iterator[str]:
    """A name for a lab of the test's own, whose remains are ended afterwards."""
    name = own_name("life")
    yield name
    if lab := context.load(name):
        stack.down(lab)


def remains(name: str) -> list[str]:
    """What of a lab is still on the machine: processes, namespaces, links."""
    folder = places.state(name)
    running = [each for each in processes.names(folder) if processes.running(folder, each)]
    namespaces = [path.name for path in network.NAMESPACES.glob(f"voice-{name}-*")]
    index = context.Lab(name, {}, {}).index
    return running + namespaces + [path.name for path in Path("/sys/class/net").glob(f"voice{index:x}db*")]


def test_a_killed_lab_is_cleaned_up_by_the_next_which_works(name: str) -> None:
    demo = lab_command("demo", "--check", "--name", name, "--port", "0")
    with subprocess.Popen(demo, stderr=subprocess.DEVNULL) as first:
        folder = places.state(name)
        waiting.until(
            lambda: processes.running(folder, "kube-apiserver") and processes.running(folder, "database"),
            what="servers run",
            seconds=60,
        )
        first.kill()
    assert len(remains(name)) > 3
    done = run("demo", "--check", "--name", name, "--port", "0")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["probes"] == EXAMPLES
    # A call and both its directions; where the receiver is on another host, its direction may yet be on the way.
    assert 3 * result["calls"] - EXAMPLES <= result["cdr_rows"] <= 3 * result["calls"]
    assert result["calls"] >= result["grafana_rows"] >= 2 * EXAMPLES + result["not_valid"]
    assert result["strangers_refused"] == 1
    assert remains(name) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name)
def test_an_interrupted_lab_leaves_nothing(name: str, number: signal.Signals) -> None:
    demo = lab_command("demo", "--check", "--name", name, "--port", "0")
    with subprocess.Popen(demo, stderr=subprocess.PIPE, text=True) as running:
        folder = places.state(name)
        waiting.until(lambda: processes.running(folder, "etcd"), what="a server runs", seconds=150)
        running.send_signal(number)
        running.send_signal(number)  # impatience must not leave half of it behind
        _, told = running.communicate()
    assert running.returncode == 130
    assert "Traceback" not in told
    assert remains(name) == []


def test_a_taken_port_is_told_with_the_remedy(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = run("demo", "--check", "--name", name, "--port", port)
    assert done.returncode == 1
    assert f"port {port}" in error(done)
    assert "PORT=" in done.stderr


def test_without_the_right_to_make_namespaces_the_remedy_is_told(name: str) -> None:
    powerless = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
    done = run("demo", "--check", "--name", name, "--port", "0", prefix=powerless)
    assert done.returncode == 1
    assert "--privileged" in error(done)
    assert remains(name) == []


def test_a_kubeconfig_that_is_not_there_is_told(name: str) -> None:
    done = run("demo", "--check", "--name", name, "--kubeconfig", "/no/such/file")
    assert done.returncode == 1
    assert "/no/such/file" in error(done)


def test_a_second_lab_of_the_same_name_is_refused(name: str) -> None:
    with stack.running(name):
        done = run("demo", "--check", "--name", name, "--port", "0")
    assert done.returncode == 1
    assert "running already" in error(done)


def test_a_cluster_of_somebody_else_is_left_as_it_was(name: str) -> None:
    with stack.running(f"{name}-theirs") as theirs:
        stack.up(theirs, ["cluster"])
        cluster.kubectl(theirs, "create", "namespace", "globex")
        cluster.kubectl(theirs, "create", "configmap", "precious", "-n", "globex")
        done = run("demo", "--check", "--name", name, "--port", "0", "--kubeconfig", str(theirs.admin_kubeconfig))
        assert done.returncode == 1
        assert "namespace globex that no lab made" in error(done)
        assert "precious" in cluster.kubectl(theirs, "get", "configmaps", "-n", "globex")
        assert "Active" in cluster.kubectl(theirs, "get", "namespace", "globex")


def test_a_cluster_that_was_brought_is_used_and_tidied_up(name: str) -> None:
    with stack.running(f"{name}-theirs") as theirs:
        stack.up(theirs, ["cluster"])
        done = run("demo", "--check", "--name", name, "--port", "0", "--kubeconfig", str(theirs.admin_kubeconfig))
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["probes"] == EXAMPLES
        assert "kube-apiserver" not in processes.names(places.state(name))
        for namespace in ("acme", "globex", "voice-quality"):
            # No controller runs there that would finish the deletion: that it has begun is all that can be seen.
            assert "Terminating" in cluster.kubectl(theirs, "get", "namespace", namespace)
