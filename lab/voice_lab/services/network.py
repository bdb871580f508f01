"""The lab's network: two SIP hosts and the client's SBC, each in a network namespace, joined by IPv6 links.

    this machine (database) ─┬─ fd77:db:N::/64 ─── SIP host ───────── fd77:a::/64 ───┬─ SBC
                             └─ fd77:db:N:2::/64 ─ second SIP host ── fd77:a:2::/64 ─┘

The SBC's lossy address stands for a bad trunk: media to and from it is dropped at random, by nftables in the SBC's
namespace. Ending a namespace ends its links and rules too.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from voice_lab import commands, places, sbc
from voice_lab.context import Lab
from voice_lab.errors import LabError

REQUIRES: tuple[str, ...] = ()
PACKAGES = ("iproute2", "nftables")
PLAN = sbc.SbcPlan()
LOSS_PERCENT = 3.0
SECOND_ROUTER = "fd77:a:2::1"
"""The SBC's address on its link to the second SIP host, which only routes: calls go to its own address."""

NAMESPACES = Path("/run/netns")

End = tuple[str | None, str, list[str]]


def sip_namespace(lab: Lab) -> str:
    """Name of the SIP host's network namespace."""
    return f"voice-{lab.instance}-sip"


def second_namespace(lab: Lab) -> str:
    """Name of the second SIP host's network namespace."""
    return f"voice-{lab.instance}-sip2"


def sbc_namespace(lab: Lab) -> str:
    """Name of the SBC's network namespace."""
    return f"voice-{lab.instance}-sbc"


def inside(namespace: str, *command: str) -> list[str]:
    """Return the command line that runs `command` inside a namespace."""
    return ["ip", "netns", "exec", namespace, *command]


def install() -> None:
    """Nothing beyond the packages."""


def start(lab: Lab) -> None:
    """Make the namespaces and their links.

    Raises:
        LabError: the machine does not allow it.
    """
    sip, second, edge = namespaces(lab)
    link, second_link = _host_links(lab)
    stop(lab)
    if not _is_mounted():
        _made_mount().touch()
    try:
        for namespace in (sip, second, edge):
            add(namespace)
    except LabError as error:
        raise LabError(
            f"network namespaces cannot be made here: {error}\n"
            "They need root (or sudo); in a container, start it with --privileged or --cap-add SYS_ADMIN,NET_ADMIN"
        ) from error
    join((None, link, [lab.database_address]), (sip, "database", [lab.sip_host_address]))
    near, far = lab.second_sip_host_link
    join((None, second_link, [near]), (second, "database", [far]))
    _ip(f"-n {second} route add {lab.database_address}/128 via {near}")
    join((second, "sbc", [str(PLAN.second_receiver)]), (edge, "sip2", [SECOND_ROUTER]))
    for address in (PLAN.address, PLAN.lossy_address):
        _ip(f"-n {second} route add {address}/128 via {SECOND_ROUTER}")
    join((sip, "sbc", [str(PLAN.receiver)]), (edge, "sip", [str(PLAN.address), str(PLAN.lossy_address)]))
    commands.run(inside(edge, "nft", "-f", "-"), stdin=sbc.loss_ruleset(PLAN, LOSS_PERCENT))


def stop(lab: Lab) -> None:
    """Take the namespaces away, with their links and rules; quiet if there are none."""
    remove(namespaces=namespaces(lab), links=_host_links(lab))
    if _made_mount().exists() and not (NAMESPACES.exists() and any(NAMESPACES.iterdir())):
        if _is_mounted():
            commands.run(["umount", str(NAMESPACES)])
        _made_mount().unlink(missing_ok=True)


def add(namespace: str) -> None:
    """Make a namespace.

    Raises:
        LabError: the machine does not allow it.
    """
    _ip(f"netns add {namespace}")
    _ip(f"-n {namespace} link set lo up")


def join(near: End, far: End) -> None:
    """Join two interfaces, each given as (namespace or None for this machine, name, addresses)."""
    (near_space, near_name, _), (far_space, far_name, _) = near, far
    near_where = f" netns {near_space}" if near_space else ""
    _ip(f"link add {near_name}{near_where} type veth peer name {far_name} netns {far_space}")
    for space, name, addresses in (near, far):
        where = f"-n {space} " if space else ""
        # Docker's default network switches IPv6 off for interfaces that come later.
        switch = f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6"
        shell = ["sh", "-c", f'[ "$(cat {switch})" = 0 ] || echo 0 > {switch}']
        commands.run(inside(space, *shell) if space else shell)
        for address in addresses:
            _ip(f"{where}address add {address}/64 dev {name} nodad")
        _ip(f"{where}link set {name} up")


def remove(*, namespaces: Iterable[str], links: Iterable[str]) -> None:
    """Take namespaces away, and this machine's ends of links into them; quiet about those that are not there."""
    # A namespace takes its links along some time later, and not while a process lives in it: a person's shell may.
    for link in links:
        _delete_link(link)
    for namespace in namespaces:
        if (NAMESPACES / namespace).exists():
            _ip(f"netns delete {namespace}")


def _delete_link(name: str) -> None:
    link = Path("/sys/class/net", name)
    if not link.exists():
        return
    try:
        _ip(f"link delete {name}")
    except LabError:
        if link.exists():  # otherwise a namespace that was deleted before has just taken it along
            raise


def healthy(lab: Lab) -> bool:
    """Tell whether the namespaces are there."""
    return all((NAMESPACES / name).exists() for name in namespaces(lab))


def namespaces(lab: Lab) -> tuple[str, str, str]:
    """Names of the namespaces of the SIP host, the second SIP host and the SBC."""
    return sip_namespace(lab), second_namespace(lab), sbc_namespace(lab)


def _made_mount() -> Path:
    """Return the mark that `ip netns add` mounts its folder for a lab, and did for nobody before."""
    return places.cache() / "run" / "made-run-netns"


def _is_mounted() -> bool:
    return f" {NAMESPACES} " in Path("/proc/self/mounts").read_text()


def _host_links(lab: Lab) -> tuple[str, str]:
    """This machine's interfaces towards the SIP host and the second SIP host; a name has 15 characters at most."""
    return f"voice{lab.index:x}db", f"voice{lab.index:x}db2"


def _ip(arguments: str) -> None:
    commands.run(["ip", *arguments.split()])
