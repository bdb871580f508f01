"""A cluster that the user brought is used only if it is meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from voice_lab import kubeconfig
from voice_lab.errors import LabError
from voice_lab.kubeconfig import Target


def content(context: str = "kind-voice", server: str = "https://127.0.0.1:6443") -> dict[str, Any]:
    return {
        "current-context": context,
        "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
    }


def written(tmp_path: Path, config: object) -> Path:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config))
    return path


def test_a_kubeconfig_means_the_cluster_of_its_current_context(tmp_path: Path) -> None:
    assert kubeconfig.read(written(tmp_path, content())) == Target("kind-voice", "c", "https://127.0.0.1:6443", "u")


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(LabError, match="KUBECONFIG names /no/such, and there is no such file"):
        kubeconfig.read(Path("/no/such"))


@pytest.mark.parametrize("text", ["a: [", "\x00"])
def test_what_is_no_kubeconfig_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(LabError, match=f"{path} is no kubeconfig: "):
        kubeconfig.read(path)


@pytest.mark.parametrize("config", [None, [], "text", {}, {"current-context": ""}])
def test_a_kubeconfig_without_a_current_context_is_told_with_the_remedy(tmp_path: Path, config: object) -> None:
    with pytest.raises(LabError, match=r"has no current context.*use-context"):
        kubeconfig.read(written(tmp_path, config))


@pytest.mark.parametrize("missing", ["contexts", "clusters"])
def test_a_context_that_is_not_all_there_is_told(tmp_path: Path, missing: str) -> None:
    config = content()
    config[missing] = None
    with pytest.raises(LabError, match=r"the context kind-voice of .* names no cluster"):
        kubeconfig.read(written(tmp_path, config))


SAFE = ["kind-voice", "minikube", "docker-desktop", "k3d-lab", "product-dev", "staging", "delivery", "olive", "colima"]
RISKY = {
    "prod": "prod",
    "my-prod-eu": "prod",
    "Production": "production",
    "voice_PRD": "prd",
    "live.example": "live",
    "prod1": "prod",
    "arn:aws:eks:eu-central-1:123456789012:cluster/voice": "arn:aws:eks",
    "arn:aws-us-gov:eks:us-gov-west-1:123456789012:cluster/voice": "arn:aws-us-gov:eks",
    "gke_project_europe-west1_voice": "gke",
}


@pytest.mark.parametrize("name", SAFE)
def test_a_cluster_to_try_things_is_used(name: str) -> None:
    kubeconfig.refuse_production(Target(name, "c", "https://127.0.0.1:6443", "u"))


@pytest.mark.parametrize(("name", "sign"), RISKY.items())
def test_a_context_that_looks_like_production_is_refused_with_the_remedy(name: str, sign: str) -> None:
    target = Target(name, "c", "https://127.0.0.1:6443", "u")
    assert kubeconfig.sign_of_production(target) == sign
    with pytest.raises(LabError, match=r"looks like a cluster that others use .*CONTEXT="):
        kubeconfig.refuse_production(target)


@pytest.mark.parametrize(
    "server",
    ["https://api.prod.example.net", "https://ABC.gr7.eu-central-1.eks.amazonaws.com", "https://live-api:6443"],
)
def test_a_server_that_looks_like_production_is_refused_whatever_the_context_is_called(server: str) -> None:
    with pytest.raises(LabError, match="looks like"):
        kubeconfig.refuse_production(Target("dev", "c", server, "u"))


def test_a_cluster_that_is_named_is_used() -> None:
    kubeconfig.refuse_production(Target("prod", "c", "https://api.prod.example.net", "u"), "prod")


def test_another_name_than_the_current_contexts_is_refused() -> None:
    with pytest.raises(LabError, match=r"CONTEXT names dev, but the current context is prod: .*use-context dev"):
        kubeconfig.refuse_production(Target("prod", "c", "https://x", "u"), "dev")
