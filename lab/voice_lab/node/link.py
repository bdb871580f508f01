"""What joins this machine and a node: the address at which the API server listens, a link, and a route."""

from __future__ import annotations

from ipaddress import IPv6Address
from pathlib import Path

from voice_lab import commands
from voice_lab.errors import LabError
from voice_lab.node import plan as names
from voice_lab.node.plan import NodePlan

SETTINGS = Path("/proc/sys/net/ipv6/conf")
ADDRESSES = Path("/proc/net/if_inet6")


def take_address(index: int) -> None:
    """Give this machine its address in the lab's cluster.

    It is no address of the link, which ends with the node: the API server goes on without one.

    Raises:
        LabError: the machine does not allow it.
    """
    if not _is_there(names.host_address(index)):
        _ip(f"address add {names.host_address(index)}/128 dev lo nodad")


def give_up_address(index: int) -> None:
    """Take the address away; quiet if it is not there."""
    if _is_there(names.host_address(index)):
        _ip(f"address delete {names.host_address(index)}/128 dev lo")


def join(plan: NodePlan, pid: int) -> None:
    """Make the link to the node whose process 1 is `pid` here, and the route to its pods and Services.

    Raises:
        LabError: the machine does not allow it.
    """
    _ip(f"link add {plan.link} type veth peer name {names.LINK_IN_NODE} netns {pid}")
    # Docker's default network switches IPv6 off for interfaces that come later.
    switch = SETTINGS / plan.link / "disable_ipv6"
    if switch.read_text().strip() != "0":
        switch.write_text("0")
    _ip(f"link set {plan.link} addrgenmode none")
    _ip(f"address add {names.GATEWAY}/64 dev {plan.link} nodad")
    _ip(f"link set {plan.link} up")
    _ip(f"route add {plan.network} via {names.NEIGHBOUR} dev {plan.link} src {plan.host_address}")


def leave(plan: NodePlan) -> None:
    """Take the link away; quiet if there is none."""
    link = Path("/sys/class/net", plan.link)
    if not link.exists():
        return
    try:
        _ip(f"link delete {plan.link}")
    except LabError:
        if link.exists():  # otherwise the node, which has just ended, took it along
            raise


def _is_there(address: str) -> bool:
    return ADDRESSES.exists() and IPv6Address(address).packed.hex() in ADDRESSES.read_text()


def _ip(arguments: str) -> None:
    commands.run(["ip", *arguments.split()])
