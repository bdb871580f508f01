"""Who is outside: the internet, each client's site and gateway, people with a browser."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from voice_cdk.judge import traffic
from voice_cdk.judge.model import Model, Network, Outside, Role

ANYBODY = (IPv4Address("203.0.113.213"), IPv6Address("3fff::d5"))
"""The internet, by an address of each family that is documentation's (RFC 5737, RFC 9637)."""


def outsides(model: Model) -> list[Outside]:
    """All of them, each with an address or two to stand for its network."""
    return [*internet(), *browsers(model), *sites(model), *gateways(model)]


def internet() -> Iterator[Outside]:
    """Anybody."""
    for address in ANYBODY:
        yield Outside(Role.INTERNET, "internet", address)


def browsers(model: Model) -> Iterator[Outside]:
    """Networks that load balancers admit."""
    balancers = model.of(Role.BALANCER)
    groups = {group for member in balancers for group in member.groups}
    ports = traffic.tcp(*sorted({port for member in balancers for port in member.ports}))
    rules = [rule for rule in model.rules if rule.ingress and rule.group in groups and rule.network]
    for network in sorted({str(r.network): r.network for r in rules if traffic.common(r.traffic, ports)}.items()):
        for address in dict.fromkeys(_within(network[1])) if network[1] else ():
            yield Outside(Role.BROWSER, f"browser in {network[0]}", address)


def sites(model: Model) -> Iterator[Outside]:
    """Clients' telephony: both ends of each prefix."""
    for tunnel in model.tunnels.values():
        for prefix in sorted(tunnel.prefixes, key=str):
            for address in dict.fromkeys(_within(prefix)):
                yield Outside(Role.SITE, f"client's site {prefix}", address, tunnel.vpc)


def gateways(model: Model) -> Iterator[Outside]:
    """Clients' IPsec gateways."""
    for tunnel in model.tunnels.values():
        for network in sorted(tunnel.gateways, key=str):
            for address in dict.fromkeys(_within(network)):
                yield Outside(Role.GATEWAY, f"client's gateway {network}", address, tunnel.vpc)


def _within(network: Network) -> tuple[IPv4Address | IPv6Address, ...]:
    if network.prefixlen == 0:
        return (ANYBODY[0] if network.version == 4 else ANYBODY[1],)
    if network.num_addresses <= 2:
        return (network.network_address, network.broadcast_address)
    return (network.network_address + 1, network.broadcast_address - 1)
