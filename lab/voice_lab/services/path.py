"""The client's SIP path: kamailio as its SBC and rtpengine as the SBC's media relay, in a namespace of their own."""

from __future__ import annotations

from voice_lab import commands, processes, sbc
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.services import network

REQUIRES = ("network",)
PACKAGES = ("kamailio", "rtpengine-daemon")
RELAY, PROXY = "rtpengine", "kamailio"


def install() -> None:
    """Nothing beyond the packages."""


def start(lab: Lab) -> None:
    """Start relay and proxy."""
    folder = lab.folder / "path"
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "kamailio.cfg"
    config.write_text(sbc.kamailio_cfg(network.PLAN))
    edge = network.sbc_namespace(lab)
    relay = [*sbc.rtpengine_args(network.PLAN), f"--pidfile={folder / 'rtpengine.pid'}"]
    processes.start(lab.folder, RELAY, network.inside(edge, *relay), cwd=folder)
    proxy = [PROXY, "-f", str(config), "-DD", "-E", "-P", str(folder / "kamailio.pid"), "-Y", str(folder)]
    processes.start(lab.folder, PROXY, network.inside(edge, *proxy), cwd=folder)


def healthy(lab: Lab) -> bool:
    """Tell whether both listen."""
    for name in (RELAY, PROXY):
        processes.check(lab.folder, name)
    try:
        listening = commands.run(network.inside(network.sbc_namespace(lab), "ss", "-Hlnu"))
    except LabError:
        return False
    return all(f":{port} " in listening for port in (network.PLAN.port, network.PLAN.control_port))


def stop(lab: Lab) -> None:
    """End proxy and relay."""
    for name in (PROXY, RELAY):
        processes.stop(lab.folder, name)
