"""The provider's Active Directory: a Samba domain controller in a namespace of its own, asked by LDAPS alone.

A controller's ports cannot be chosen, so it gets a network: a link to this machine, and nothing else.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl

from voice_lab import files, pki, processes
from voice_lab.context import Lab
from voice_lab.errors import LabError
from voice_lab.identity import domain
from voice_lab.services import network
from voice_lab.tools import samba

REQUIRES = ("network",)
PACKAGES = ("iproute2", *samba.PACKAGES)
NAME = "directory"
LINK = "directory"
"""The controller's interface."""


def namespace(lab: Lab) -> str:
    """Name of the controller's network namespace."""
    return f"voice-{lab.instance}-ad"


def url(lab: Lab) -> str:
    """Where the directory is asked."""
    return f"ldaps://[{_addresses(lab)[1]}]:{samba.LDAPS_PORT}"


def install() -> None:
    """Make the domain that labs copy, if root asks; another leaves it to the first start."""
    if os.geteuid() == 0:
        samba.template()


def start(lab: Lab) -> None:
    """Start the controller, of a copy of the domain with the lab's people in it; what was changed since stays."""
    stop(lab)
    near, far = _addresses(lab)
    network.add(namespace(lab))
    network.join((None, _host_link(lab), [near]), (namespace(lab), LINK, [far]))
    if not domain.folder(lab).exists():
        _make_domain(lab, far)
    processes.start(lab.folder, NAME, network.inside(namespace(lab), *samba.command(domain.folder(lab))))


def healthy(lab: Lab) -> bool:
    """Tell whether it answers at its address with a certificate of the lab's authority."""
    processes.check(lab.folder, NAME)
    address = _addresses(lab)[1]
    trusting = ssl.create_default_context(cafile=str(lab.folder / "pki" / "ca.pem"))
    try:
        with (
            socket.create_connection((address, samba.LDAPS_PORT), timeout=5) as connection,
            trusting.wrap_socket(connection, server_hostname=address),
        ):
            return True
    except OSError:
        return False


def stop(lab: Lab) -> None:
    """End the controller, and take its network away."""
    processes.stop(lab.folder, NAME)
    network.remove(namespaces=[namespace(lab)], links=[_host_link(lab)])


def _make_domain(lab: Lab, address: str) -> None:
    folder, keys = domain.folder(lab), lab.folder / "pki"
    pki.issue(keys, NAME, hosts=(address, samba.HOST_NAME))
    text = samba.smb_conf(folder, certificate=keys / f"{NAME}.pem", key=keys / f"{NAME}.key", authority=keys / "ca.pem")
    with files.filling(folder) as partial:
        samba.copy(samba.template(), partial)
        files.write_private(samba.configuration(partial), text)
    try:
        domain.populate(lab)
    except LabError:
        shutil.rmtree(folder)  # a second try must not find half of the first
        raise


def _addresses(lab: Lab) -> tuple[str, str]:
    """This machine's address on the link to the controller, and the controller's."""
    return f"fd77:ad:{lab.index:x}::1", f"fd77:ad:{lab.index:x}::2"


def _host_link(lab: Lab) -> str:
    """This machine's interface towards the controller; a name has 15 characters at most."""
    return f"voice{lab.index:x}ad"
