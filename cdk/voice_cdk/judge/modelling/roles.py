"""Tell what a host is for, by where it stands, what its groups admit and what it runs: never by what it is called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from voice_cdk.judge import traffic
from voice_cdk.judge.model import WELL_KNOWN, Network, Role, Route, Rule, TargetKind, Tunnel, Vpc
from voice_cdk.judge.modelling.hosts import Host

IKE = traffic.union([traffic.udp(500), traffic.udp(4500)])
SIP_SIGNALLING = traffic.union([traffic.udp(5060), traffic.udp(5062), traffic.tcp(5060, 5061)])
RTP = traffic.udp(20000, 29998)
SIP = traffic.union([SIP_SIGNALLING, RTP])
IPSEC_WORDS = re.compile(r"swanctl|strongswan|charon|ipsec", re.IGNORECASE)
GRAFANA_WORDS = re.compile(r"grafana", re.IGNORECASE)
GRAFANA_PORT = 3000


@dataclass(frozen=True)
class Signs:
    """What tells roles apart."""

    rules: Mapping[str, list[Rule]]
    routes: tuple[Route, ...]
    shared: frozenset[str]
    communications: frozenset[str]

    def speaks(self, host: Host, what: traffic.Traffic) -> int:
        """How many rules of its groups speak of some ports and of nothing else."""
        rules = [rule for group in host.groups for rule in self.rules.get(group, ())]
        return sum(not traffic.without(rule.traffic, what) for rule in rules)

    def routed_to(self, host: Host) -> bool:
        """Whether a route leads to it."""
        kinds = {TargetKind.INTERFACE, TargetKind.INSTANCE}
        return any(route.kind in kinds and route.target in host.ids for route in self.routes)


def role(host: Host, vpc: str, others: list[Host], signs: Signs) -> Role:
    """A host's role; `others` are all hosts of its VPC."""
    if not host.alone and any(other.alone and other.ids & host.carries for other in others):
        return Role.MANAGEMENT
    if vpc in signs.communications:
        return Role.NAT64
    if vpc in signs.shared:
        return _of_shared(host, others, signs)
    return Role.STRONGSWAN if _ipsec(host, signs) >= 2 else Role.SIP


def _of_shared(host: Host, others: list[Host], signs: Signs) -> Role:
    hosts = [other for other in others if other.alone or not other.carries]
    likely = [other for other in hosts if _grafana(other, signs)] or hosts[:1]
    return Role.GRAFANA if host in likely else Role.HOST


def _grafana(host: Host, signs: Signs) -> bool:
    return bool(signs.speaks(host, traffic.tcp(GRAFANA_PORT)) or GRAFANA_WORDS.search(host.data))


def _ipsec(host: Host, signs: Signs) -> int:
    """How many signs there are that it ends tunnels."""
    words = bool(IPSEC_WORDS.search(host.data))
    return min(2, signs.speaks(host, IKE)) + host.forwards + signs.routed_to(host) + words


def tunnel(vpc: Vpc, sip: list[Host], ends: list[Host], signs: Signs, inside: list[Network]) -> Tunnel:
    """A client's prefixes, as rules and routes name them, and its gateways."""

    def named(hosts: list[Host], what: traffic.Traffic) -> set[Network]:
        rules = [rule for host in hosts for group in host.groups for rule in signs.rules.get(group, ())]
        spoken = [r for r in rules if not traffic.without(r.traffic, what)]
        return {r.network for r in spoken if r.network and _elsewhere(r.network, inside)}

    ids = {identifier for host in ends for identifier in host.ids}
    routed = {route.destination for route in signs.routes if route.target in ids}
    prefixes = named(sip, SIP) | {network for network in routed if _elsewhere(network, inside)}
    return Tunnel(vpc.id, frozenset(prefixes), frozenset(named(ends, IKE) - prefixes))


def _elsewhere(network: Network, inside: list[Network]) -> bool:
    """Whether it is neither everybody nor a part of AWS."""
    if network.prefixlen == 0:
        return False
    blocks = [block for block in [*inside, WELL_KNOWN] if block.version == network.version]
    return not any(network.overlaps(block) for block in blocks)
