"""The edge of the first SIP host: kamailio with the files that `edge-config` writes, for calls over TCP and TLS."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from voice_lab import commands, pki, processes
from voice_lab.context import Lab
from voice_lab.services import network
from voice_sipapp import edge

REQUIRES = ("network",)
PACKAGES = ("kamailio", "kamailio-tls-modules")
NAME = "sip-edge"
INSIDE_PORT, TLS_PORT = 5064, 5061


def install() -> None:
    """Nothing beyond the packages."""


def start(lab: Lab) -> None:
    """Write its configuration as a SIP host does, and start it."""
    pki.issue(lab.folder / "pki", NAME, hosts=(network.PLAN.receiver,))
    folder = _folder(lab)
    commands.run([sys.executable, "-m", "voice_sipapp", "edge-config", folder], env=_environment(lab))
    command = ["kamailio", "-f", str(folder / edge.CONFIGURATION), "-DD", "-E", "-m", "32"]
    command += ["-P", str(folder / "pid"), "-Y", str(folder)]
    processes.start(lab.folder, NAME, network.inside(network.sip_namespace(lab), *command), cwd=folder)


def healthy(lab: Lab) -> bool:
    """Tell whether it listens."""
    processes.check(lab.folder, NAME)
    return f":{TLS_PORT} " in commands.run(network.inside(network.sip_namespace(lab), "ss", "-Hlnt"))


def stop(lab: Lab) -> None:
    """End it."""
    processes.stop(lab.folder, NAME)


def address() -> str:
    """Return where the SIP application reaches it, as VOICE_SIP_EDGE wants it."""
    return f"[::1]:{INSIDE_PORT}"


def _environment(lab: Lab) -> dict[str, str]:
    keys = lab.folder / "pki"
    return {
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
        "VOICE_SIP_ADDRESS": network.PLAN.receiver,
        "VOICE_SIP_RECEIVER_PORT": str(network.PLAN.receiver_port),
        "VOICE_SIP_EDGE": address(),
        "VOICE_SIP_TLS_PORT": str(TLS_PORT),
        "VOICE_SIP_TLS_CERTIFICATE": str(keys / f"{NAME}.pem"),
        "VOICE_SIP_TLS_KEY": str(keys / f"{NAME}.key"),
        "VOICE_SIP_TLS_CA": str(keys / "ca.pem"),
    }


def _folder(lab: Lab) -> Path:
    return lab.folder / NAME
