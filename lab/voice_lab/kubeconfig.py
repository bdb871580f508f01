"""A kubeconfig that the user brought: which cluster it means, and whether that looks like one in production."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from voice_lab.errors import LabError

PRODUCTION = ("prod", "production", "productive", "prd", "live")
# Clusters in a cloud are named so by the tools that write kubeconfigs of them, and their servers are below these names.
CLOUD = re.compile(r"^arn:aws[a-z-]*:eks:|^gke_|\.eks\.amazonaws\.com|\.azmk8s\.io|\.k8s\.ondigitalocean\.com")


@dataclass(frozen=True)
class Target:
    """What the current context of a kubeconfig means.

    Attributes:
        context: its name.
        cluster: name of its cluster in the file.
        server: URL of the API server.
        user: name of its user in the file.
    """

    context: str
    cluster: str
    server: str
    user: str


def read(path: Path) -> Target:
    """Return what the current context of this file means.

    Raises:
        LabError: there is no such file, or it is no kubeconfig with a current context.
    """
    if not path.is_file():
        raise LabError(f"KUBECONFIG names {path}, and there is no such file")
    try:
        config = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise LabError(f"{path} is no kubeconfig: {str(error).splitlines()[0]}") from error
    return parse(config, path)


def parse(config: object, path: Path) -> Target:
    """Return what the current context of a kubeconfig's content means; `path` is for the messages.

    Raises:
        LabError: it has no current context, or that is not all there.
    """
    if not isinstance(config, Mapping) or not config.get("current-context"):
        raise LabError(f"{path} has no current context: choose one with `kubectl config use-context NAME`")
    name = str(config["current-context"])
    context = _named(config, "contexts", name).get("context") or {}
    cluster = str(context.get("cluster", ""))
    server = (_named(config, "clusters", cluster).get("cluster") or {}).get("server")
    if not server:
        raise LabError(f"the context {name} of {path} names no cluster with a server: choose another, or mend it")
    return Target(name, cluster, str(server), str(context.get("user", "")))


def refuse_production(target: Target, named: str = "") -> None:
    """See that nobody fills a cluster in production by mistake: one that looks like it has to be `named`.

    Raises:
        LabError: it looks like one, or another context was named.
    """
    if named and named != target.context:
        raise LabError(
            f"CONTEXT names {named}, but the current context is {target.context}: "
            f"`kubectl config use-context {named}` makes it that"
        )
    if not named and (sign := sign_of_production(target)):
        raise LabError(
            f"the context {target.context} (server {target.server}) looks like a cluster that others use ({sign}). "
            f"If it is the right one, name it: CONTEXT='{target.context}'"
        )


def sign_of_production(target: Target) -> str:
    """Return what makes a cluster look like one in production, or at least like one in a cloud; empty if nothing."""
    for text in (target.context, target.cluster, target.server):
        for word in map(str, re.findall(r"[a-z]+", text.lower())):
            if word in PRODUCTION:
                return word
        if found := CLOUD.search(text):
            return str(found[0]).strip(".:_")
    return ""


def _named(config: Mapping[str, Any], kind: str, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next((each for each in config.get(kind) or () if each.get("name") == name), {})
    return found
