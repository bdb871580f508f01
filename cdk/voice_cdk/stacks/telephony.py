"""The ports of SIP and its media, as docs/sip-host.md has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network

from voice_cdk.config.model import Client, SipFamily
from voice_cdk.stacks.groups import Ports, Rule
from voice_cdk.stacks.routing import Family, Prefix

OWN = {
    "SIP": Ports.udp(5060),
    "SIP, receiver": Ports.udp(5062),
    "SIP by TCP and TLS": Ports.tcp(5060, 5061),
    "RTP and RTCP": Ports.udp(20000, 29998),
}
"""Where the SIP host is called."""
OTHERS = {"SIP by TCP and TLS": Ports.tcp(5060, 5061), "SIP, RTP and RTCP": Ports.udp(1024, 65535)}
"""Where it calls: the client's servers choose the ports of their media by themselves."""


def prefixes(client: Client) -> list[Prefix]:
    """Where the client's telephony is, of the family that it speaks."""
    family = Family.IPV4 if client.sip_family is SipFamily.IPV4 else Family.IPV6
    return [
        Prefix(cidr=str(each), family=family)
        for each in client.prefixes
        if isinstance(each, IPv4Network) == (family is Family.IPV4)
    ]


def to_host(peers: Sequence[Prefix]) -> Iterator[Rule]:
    """What a SIP host is called at."""
    return _rules(OWN, peers)


def from_host(peers: Sequence[Prefix]) -> Iterator[Rule]:
    """What a SIP host calls at."""
    return _rules(OTHERS, peers)


def _rules(ports: dict[str, Ports], peers: Sequence[Prefix]) -> Iterator[Rule]:
    for peer in peers:
        for purpose, each in ports.items():
            yield Rule(purpose=purpose, peer=peer, ports=each)
