"""Going on as root: network namespaces, links and packet filters need it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence

from voice_lab import places, progress
from voice_lab.errors import LabError

# What a run as root must know of the environment of the user who asked for it.
KEPT = (
    "PATH", "KUBEBUILDER_ASSETS", "GRAFANA_HOME", "JAVA_HOME", "VOICE_LAB_DATABASE", "VOICE_LAB_GRAFANA",
    "VOICE_LAB_KEYCLOAK", progress.BEGAN,
)  # fmt: skip

# How the network is reached, for images that are built as root. A value may hold a password: sudo is told the names.
NETWORK = (
    "http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "PIP_CONFIG_FILE", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL",
    "PIP_TRUSTED_HOST", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INSECURE_HOST", "UV_SYSTEM_CERTS", "REGISTRY_AUTH_FILE",
    "PYTHON_IMAGE", "SOURCE_DATE_EPOCH",
)  # fmt: skip


def become(before: Callable[[], None], module: str, arguments: Sequence[str]) -> None:
    """Run `before` as the user who asked, so that what it caches is theirs; then see that we are root.

    With sudo, `python -m module arguments` starts again under it, and this call does not return.

    Raises:
        LabError: we are not root and there is no sudo.
    """
    before()
    if os.geteuid() == 0:
        return
    if not shutil.which("sudo"):
        raise LabError("network namespaces need root: install sudo, or run this as root")
    progress.say("going on as root: network namespaces need it (sudo may ask for your password)")
    kept = [f"{name}={os.environ[name]}" for name in KEPT if name in os.environ]
    env = ["env", f"VOICE_LAB_CACHE={places.cache()}", "PYTHONDONTWRITEBYTECODE=1", *kept]
    network = [name for name in NETWORK if name in os.environ]
    preserved = [f"--preserve-env={','.join(network)}"] if network else []
    os.execvp("sudo", ["sudo", *preserved, *env, sys.executable, "-m", module, *arguments])  # noqa: S606
