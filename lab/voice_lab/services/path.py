"""The client's SIP path: kamailio as its SBC, rtpengine as its media relay and a voice menu, in one namespace."""

from __future__ import annotations

import sys

from voice_lab import commands, files, pki, processes, sbc, waiting
from voice_lab.context import Lab
from voice_lab.services import network
from voice_sipapp import edge

REQUIRES = ("network",)
PACKAGES = ("kamailio", "kamailio-tls-modules", "rtpengine-daemon")
RELAY, PROXY, MENU = "rtpengine", "kamailio", "ivr"


def install() -> None:
    """Nothing beyond the packages."""


def start(lab: Lab) -> None:
    """Start relay, proxy and voice menu."""
    folder = lab.folder / "path"
    folder.mkdir(parents=True, exist_ok=True)
    plan = network.PLAN
    config = folder / "kamailio.cfg"
    keys = lab.folder / "pki"
    pki.issue(keys, "sbc", hosts=(str(network.PLAN.address), "sbc.acme.example"))
    tls = folder / edge.TLS_CONFIGURATION
    tls.write_text(edge.tls_cfg(edge.TlsFiles(f"{keys}/sbc.pem", f"{keys}/sbc.key", f"{keys}/ca.pem")))
    secrets = sbc.Secrets(trunk=lab.passwords["trunk"], agents=lab.passwords["agents"])
    files.write_private(config, sbc.kamailio_cfg(network.PLAN, str(tls), secrets))
    where = network.sbc_namespace(lab)
    relay = [*sbc.rtpengine_args(network.PLAN), f"--pidfile={folder / 'rtpengine.pid'}"]
    processes.start(lab.folder, RELAY, network.inside(where, *relay), cwd=folder)
    # A proxy that finds no relay at its start does without one for a minute, and media then takes a short cut.
    control = network.PLAN.control_port
    waiting.until(lambda: _listens(lab, control), what="rtpengine listens", seconds=20, hint=f"Logs: {lab.folder}/logs")
    proxy = [PROXY, "-f", str(config), "-DD", "-E", "-P", str(folder / "kamailio.pid"), "-Y", str(folder)]
    processes.start(lab.folder, PROXY, network.inside(where, *proxy), cwd=folder)
    menu = [sys.executable, "-m", "voice_lab.ivr", plan.address, plan.ivr_port, plan.receiver, plan.receiver_port]
    processes.start(lab.folder, MENU, network.inside(where, *map(str, menu)))


def healthy(lab: Lab) -> bool:
    """Tell whether all listen."""
    for name in (RELAY, PROXY, MENU):
        processes.check(lab.folder, name)
    return _listens(lab, network.PLAN.port) and _listens(lab, network.PLAN.ivr_port)


def stop(lab: Lab) -> None:
    """End voice menu, proxy and relay."""
    for name in (MENU, PROXY, RELAY):
        processes.stop(lab.folder, name)


def _listens(lab: Lab, port: int) -> bool:
    """Tell whether something in the SBC's namespace receives UDP on `port`."""
    return f":{port} " in commands.run(network.inside(network.sbc_namespace(lab), "ss", "-Hlnu"))
