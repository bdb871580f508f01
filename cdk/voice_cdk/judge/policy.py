"""Who must reach whom, who may, and by that who must never: the table that everything is judged by.

Ports of a SIP host are those of docs/sip-host.md. What no line names must not be possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from voice_cdk.judge import traffic
from voice_cdk.judge.model import Member, Outside, Role
from voice_cdk.judge.modelling.roles import GRAFANA_PORT, IKE, RTP, SIP_SIGNALLING
from voice_cdk.judge.traffic import Span, Traffic
from voice_cdk.judge.world import World

HTTPS = traffic.tcp(443)
DNS = traffic.union([traffic.tcp(53), traffic.udp(53)])
KUBELET = traffic.tcp(10250)
MAIL = traffic.tcp(465, 587)
ICMP: Traffic = (Span("icmp", 0, traffic.LAST), Span("icmpv6", 0, traffic.LAST))
ESP: Traffic = (Span("esp", 0, traffic.LAST),)
SIP = traffic.union([SIP_SIGNALLING, RTP])
MEDIA = traffic.udp(1024, traffic.LAST)


class Ports(StrEnum):
    """Ports that templates decide."""

    DATABASE = "the database's"
    LISTENERS = "the load balancer's listeners"
    TARGETS = "the target groups'"
    MEDIA = "any that the client's session descriptions name, if rules let out all of them"


class Place(StrEnum):
    """Where the two ends are to each other."""

    ANYWHERE = "anywhere"
    SAME_VPC = "in one VPC"
    SAME_CLIENT = "of one client"


@dataclass(frozen=True)
class Line:
    """One line of the table.

    Attributes:
        must: it has to work, in every zone; else it may.
        zones: it has to work still when a zone is gone.
    """

    sources: tuple[Role, ...]
    destinations: tuple[Role, ...]
    traffic: Traffic | Ports
    place: Place
    must: bool
    why: str
    versions: tuple[int, ...] = (4, 6)
    zones: bool = True


EKS = (Role.PODS, Role.CONTROL_PLANE, Role.FUNCTION)
HOSTS = (Role.SIP, Role.STRONGSWAN, Role.NAT64, Role.MANAGEMENT, Role.GRAFANA, Role.PODS)

TABLE = (
    Line((Role.PODS, Role.GRAFANA, Role.SIP), (Role.DATABASE,), Ports.DATABASE, Place.ANYWHERE, True,
         "operator, portal, dashboards and SIP hosts work with the database", versions=(6,)),
    Line((Role.NAT64,), (Role.DATABASE,), Ports.DATABASE, Place.SAME_VPC, True, "what it translates", versions=(4,)),
    Line((Role.PODS,), (Role.GRAFANA,), traffic.tcp(GRAFANA_PORT), Place.SAME_VPC, True,
         "the operator makes dashboards, the portal shows them", versions=(6,)),
    Line((Role.BALANCER,), (Role.PODS,), Ports.TARGETS, Place.SAME_VPC, True, "the portal", versions=(6,)),
    Line((Role.BROWSER,), (Role.BALANCER,), Ports.LISTENERS, Place.ANYWHERE, True, "people open the portal"),
    Line((Role.PODS,), (Role.PODS,), DNS, Place.SAME_VPC, True, "names in the cluster", versions=(6,)),
    Line((Role.PODS,), (Role.CONTROL_PLANE,), HTTPS, Place.SAME_VPC, True, "the Kubernetes API", versions=(6,)),
    Line((Role.CONTROL_PLANE,), (Role.PODS,), KUBELET, Place.SAME_VPC, True, "logs and webhooks", versions=(6,)),
    Line((Role.SITE,), (Role.SIP,), SIP, Place.SAME_CLIENT, True, "calls from the client", zones=False),
    Line((Role.SIP,), (Role.SITE,), SIP, Place.SAME_CLIENT, True, "calls to the client", zones=False),
    Line((Role.GATEWAY,), (Role.STRONGSWAN,), IKE, Place.SAME_CLIENT, True, "the tunnel", zones=False),
    Line((Role.STRONGSWAN,), (Role.GATEWAY,), IKE, Place.SAME_CLIENT, True, "the tunnel", zones=False),
    Line(HOSTS, (Role.INTERNET,), HTTPS, Place.ANYWHERE, True, "AWS's own services", versions=(6,), zones=False),
    Line((Role.PODS,), (Role.INTERNET,), HTTPS, Place.ANYWHERE, True,
         "identity providers and registries that have IPv4 alone", versions=(4,), zones=False),
    Line((Role.SIP,), (Role.SITE,), Ports.MEDIA, Place.SAME_CLIENT, False, "its media ports"),
    Line((Role.SIP, Role.SITE), (Role.STRONGSWAN,), SIP, Place.SAME_CLIENT, False, "what it forwards"),
    Line((Role.SIP,), (Role.STRONGSWAN,), Ports.MEDIA, Place.SAME_CLIENT, False, "media"),
    Line((Role.STRONGSWAN,), (Role.SIP,), SIP, Place.SAME_CLIENT, False, "what it forwards"),
    Line((Role.GATEWAY,), (Role.STRONGSWAN,), ESP, Place.SAME_CLIENT, False, "IPsec without NAT", versions=(6,)),
    Line((Role.STRONGSWAN,), (Role.GATEWAY,), ESP, Place.SAME_CLIENT, False, "IPsec without NAT", versions=(6,)),
    Line(EKS, EKS, traffic.ALL, Place.SAME_VPC, False, "the group that EKS makes"),
    Line(EKS, (Role.DATABASE, Role.NAT64), Ports.DATABASE, Place.ANYWHERE, False, "is in the pods' group and subnets"),
    Line(EKS, (Role.GRAFANA,), traffic.tcp(GRAFANA_PORT), Place.SAME_VPC, False, "is in the pods' group"),
    Line((Role.BALANCER,), EKS, Ports.TARGETS, Place.SAME_VPC, False, "is in the pods' group"),
    Line((*EKS, *HOSTS, Role.HOST), (Role.BALANCER,), Ports.LISTENERS, Place.ANYWHERE, False,
         "whom the portal is open to"),
    Line(EKS, (Role.INTERNET, Role.SITE, Role.GATEWAY), traffic.ALL, Place.ANYWHERE, False, "EKS's group"),
    Line((Role.INTERNET, Role.SITE, Role.GATEWAY), (Role.BALANCER,), Ports.LISTENERS, Place.ANYWHERE, False, "portal"),
    Line((*HOSTS, Role.HOST), (Role.INTERNET,), HTTPS, Place.ANYWHERE, False, "AWS's own services"),
    Line(HOSTS, (Role.SITE, Role.GATEWAY), HTTPS, Place.ANYWHERE, False, "is on the internet, too"),
    Line((Role.GRAFANA,), (Role.INTERNET,), MAIL, Place.ANYWHERE, False, "mail of alerts", versions=(6,)),
    Line((*HOSTS, Role.CONTROL_PLANE, Role.FUNCTION), (Role.ENDPOINT,), HTTPS, Place.SAME_VPC, False,
         "AWS's own services"),
    Line((Role.PODS, Role.GRAFANA, Role.SIP, Role.NAT64), (Role.NAT64,), Ports.DATABASE, Place.ANYWHERE, False,
         "what it translates"),
    Line((Role.NAT64, Role.MANAGEMENT), (Role.DATABASE, Role.NAT64), Ports.DATABASE, Place.SAME_VPC, False,
         "health checks by way of the other one"),
    Line((Role.FUNCTION,), (Role.DATABASE,), Ports.DATABASE, Place.ANYWHERE, False, "rotation of passwords"),
)  # fmt: skip


def spans(line: Line, source: Member | Outside, destination: Member | Outside, world: World) -> Traffic:
    """A line's ports for two ends."""
    if line.traffic is Ports.DATABASE:
        return world.database_port()
    if line.traffic is Ports.LISTENERS:
        return traffic.tcp(*sorted(destination.ports)) if isinstance(destination, Member) else ()
    if line.traffic is Ports.TARGETS:
        return traffic.tcp(*sorted(world.model.target_ports))
    if line.traffic is Ports.MEDIA:
        return MEDIA if _lets_media_out(world, source) else ()
    return line.traffic


def _lets_media_out(world: World, source: Member | Outside) -> bool:
    """Whether a SIP host may send to every port that a client's media could be at."""
    if not isinstance(source, Member) or source.vpc not in world.model.tunnels:
        return False
    mine = [rule for rule in world.model.rules if rule.group in source.groups and not rule.ingress and rule.network]
    named = {rule.network for rule in mine if rule.network and rule.network.prefixlen}
    let = (traffic.union(rule.traffic for rule in mine if rule.network == network) for network in named)
    return any(not traffic.without(MEDIA, one) for one in let)


def fits(line: Line, source: Member | Outside, destination: Member | Outside) -> bool:
    """Whether a line is about these two ends."""
    if source.role not in line.sources or destination.role not in line.destinations:
        return False
    return line.place is Place.ANYWHERE or source.vpc == destination.vpc


@cache
def _lines(source: Role, destination: Role, version: int) -> tuple[Line, ...]:
    lines = [line for line in TABLE if source in line.sources and destination in line.destinations]
    return tuple(line for line in lines if version in line.versions)


def allowed(source: Member | Outside, destination: Member | Outside, version: int, world: World) -> Traffic:
    """All that may pass between two ends; where anything may, ICMP may."""
    lines = [line for line in _lines(source.role, destination.role, version) if fits(line, source, destination)]
    found = traffic.union(spans(line, source, destination, world) for line in lines)
    return traffic.union([found, ICMP]) if found else ()
