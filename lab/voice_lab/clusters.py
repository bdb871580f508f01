"""`make cluster`: a cluster of the lab's own to work with, or a look at the one that a kubeconfig names."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

from voice_lab import commands, kubeconfig, progress, stack
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.kubeconfig import Target
from voice_lab.services import cluster
from voice_lab.tools import kubectl as kubectl_tool

SERVICES = ("cluster", "node")
ASK_SECONDS = 15
INSTALL = (
    "helm upgrade --install voice-quality charts/voice-quality -n voice-quality -f ~/voice-quality/values.yaml"
    "\n             (docs/install.md makes the namespace, its Secrets and that file)"
)
"""How the chart gets there."""


def show(lab: Lab) -> None:
    """Bring the cluster up, tell how to use it, and stay until it is not wanted any more."""
    began = time.monotonic()
    stack.up(lab, SERVICES)
    progress.say(f"the cluster is up after {time.monotonic() - began:.1f} s")
    load = f".venv/bin/python -m voice_lab load --name {lab.instance} ARCHIVE.tar"
    text = _summary(lab.admin_kubeconfig, "a cluster of the lab's own: one node, no storage provisioner, no Ingress")
    if any(name.lower() in ("https_proxy", "all_proxy") for name in os.environ):
        text += f"             export NO_PROXY={cluster.environment(lab)['NO_PROXY']}\n"
    print(f"{text}  Images     {load}\n  Logs       {lab.folder / 'logs'}\n\n  Ctrl-C ends it.\n", flush=True)  # noqa: T201
    signal.pause()


def look(path: Path, named: str = "") -> None:
    """Check a cluster that the user brought, and tell how to use it.

    Raises:
        LabError: it looks like one in production and is not `named`, does not answer, or knows no such user.
    """
    target = kubeconfig.read(path)
    kubeconfig.refuse_production(target, named)
    version = json.loads(_kubectl(path, target, "version", "-o", "json"))["serverVersion"]["gitVersion"]
    told = json.loads(_kubectl(path, target, "auth", "whoami", "-o", "json"))
    user = told["status"]["userInfo"].get("username", "nobody")
    print(_summary(path, f"Kubernetes {version} at {target.server}, context {target.context}, you are {user}"))  # noqa: T201
    if not _may_install(path, target):
        raise LabError(
            f"{user} may not install the chart there: it makes CustomResourceDefinitions and ClusterRoles. "
            "Ask for the role cluster-admin, or use another context"
        )


def _summary(path: Path, what: str) -> str:
    lines = [f"export KUBECONFIG={path}", "kubectl get nodes,pods -A"]
    missing = [name for name in ("kubectl", "helm") if not shutil.which(name)]
    for folder in sorted({str(kubectl_tool.program(name).parent) for name in missing}):
        lines.insert(0, f"export PATH=$PATH:{folder}")
    separator = f"\n{' ' * 13}"
    return f"\n  Cluster    {what}\n  kubectl    {separator.join(lines)}\n  Install    {INSTALL}\n"


def _may_install(path: Path, target: Target) -> bool:
    try:
        for kind in ("customresourcedefinitions.apiextensions.k8s.io", "clusterroles.rbac.authorization.k8s.io"):
            _kubectl(path, target, "auth", "can-i", "create", kind, "--quiet")
    except LabError:
        return False
    return True


def _kubectl(path: Path, target: Target, *arguments: str) -> str:
    program = kubectl_tool.program("kubectl")
    try:
        return commands.run([program, f"--kubeconfig={path}", "--request-timeout=10s", *arguments], seconds=ASK_SECONDS)
    except LabError as error:
        raise LabError(f"the cluster of the context {target.context} ({target.server}): {error}") from error
