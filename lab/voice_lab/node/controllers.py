"""Command lines of what makes pods of Deployments, and gives them a node. Both trust the API server alone."""

from __future__ import annotations

from pathlib import Path

NAMES = ("kube-controller-manager", "kube-scheduler")


def programs(where: Path, kubeconfigs: Path, keys: Path) -> dict[str, list[str]]:
    """Command line of each, given the folders of the programs, their kubeconfigs and the lab's keys."""
    # There is one of each, and neither needs a port of this machine.
    alone = ["--leader-elect=false", "--secure-port=0"]
    common = {name: [str(where / name), f"--kubeconfig={kubeconfigs / name}.kubeconfig", *alone] for name in NAMES}
    common["kube-controller-manager"] += [
        f"--service-account-private-key-file={keys / 'service-accounts.key'}",
        f"--root-ca-file={keys / 'ca.pem'}",
        "--use-service-account-credentials",
        # Beneath these a controller waits for its turn rather than for the API server.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        f"--flex-volume-plugin-dir={kubeconfigs / 'volumeplugins'}",
    ]
    return common
