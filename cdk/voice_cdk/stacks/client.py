"""VPC-C of one client: its SIP host, and for a tunnel its StrongSwan host. A stack a client."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from voice_cdk.config import plan
from voice_cdk.config.model import Client, Config, Connection, SipFamily
from voice_cdk.stacks.alarms import Alarms
from voice_cdk.stacks.data import MYSQL
from voice_cdk.stacks.groups import Group, Rule
from voice_cdk.stacks.network import Network, safeguards
from voice_cdk.stacks.routing import INTERNET, INTERNET_IPV4, TRANSLATED, Family, Prefix
from voice_cdk.stacks.subnet import Addresses, Subnet
from voice_cdk.stacks.transit import Role
from voice_cdk.stacks.vpc import Safeguards, Vpc


class ClientVpc(Vpc):
    """VPC-C: in one zone, because a client's calls are placed by one host.

    Attributes:
        hosts: the subnet of the SIP host.
        edge: the subnet of what has an address in the internet's IPv4; None if nothing has.
    """

    def __init__(self, scope: Construct, name: str, *, config: Config, client: Client, safeguards: Safeguards) -> None:
        super().__init__(scope, name, ipv4=client.vpc, safeguards=safeguards)
        (zone, *_), dns64 = config.zones, plan.is_found_by_dns64(config)
        by_ipv4, trunk = client.sip_family is SipFamily.IPV4, client.connection is Connection.TRUNK
        internet = self.add_internet_gateway()
        self.edge: Subnet | None = None
        if plan.has_edge(config, client):
            self.edge = self.add_edge(zone, internet, INTERNET_IPV4)
        addresses = Addresses.DUAL if by_ipv4 else Addresses.IPV6
        self.hosts = self.add_subnet(plan.Role.HOSTS, zone, addresses, dns64=dns64)
        if trunk and by_ipv4:  # the client's SBC calls from there
            self.hosts.route("InternetIpv4", INTERNET_IPV4, internet)
        if trunk and not by_ipv4:
            self.hosts.route("Internet", INTERNET, internet)
        else:
            self._let_out(edge=not trunk)
        if dns64 and self.edge is not None:
            self.hosts.route("Translated", TRANSLATED, self.add_nat_gateway(self.edge, internet))

    def _let_out(self, *, edge: bool) -> None:
        """Hosts ask AWS for secrets; nobody asks them by the internet's IPv6. `edge`: one stands there too."""
        egress_only = self.add_egress_only_gateway()
        self.hosts.route("Internet", INTERNET, egress_only)
        if edge and self.edge is not None:
            self.edge.route("Internet", INTERNET, egress_only)


class ClientNetwork(cdk.Stack):
    """One client's VPC, joined to the network. It reaches the database, and is reached by nobody of ours."""

    def __init__(
        self, scope: Construct, name: str, *, config: Config, client: Client, network: Network, alarms: Alarms
    ) -> None:
        super().__init__(scope, name, description=f"VPC-C of the client {client.name}")
        guards = safeguards(self, key=network.logs_key, alarms=alarms)
        self.vpc = ClientVpc(self, client.name, config=config, client=client, safeguards=guards)
        network.join(self.vpc, role=Role.CLIENTS, zones=config.zones[:1], asking=[self.vpc.hosts])

    def hosts_prefix(self, client: Client) -> Prefix:
        """Where its SIP host is, in the family of its telephony."""
        hosts = self.vpc.hosts
        if client.sip_family is SipFamily.IPV6 and hosts.ipv6 is not None:
            return hosts.ipv6
        block = plan.subnet_ipv4(client.vpc, plan.Role.HOSTS, plan.letter(hosts.zone))
        return Prefix(cidr=str(block), family=Family.IPV4)

    def ask_by(self, door: Group) -> None:
        """Have the SIP host let in by `door`: the security group of the database, or of what translates for it."""
        if self.vpc.hosts.ipv6 is None:
            return
        rule = Rule(purpose=f"MySQL from {self.vpc.hosts.node.path}", peer=self.vpc.hosts.ipv6, ports=MYSQL)
        door.let_in(self, "AskDatabase", rule)
