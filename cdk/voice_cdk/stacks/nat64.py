"""The hosts that translate between the IPv6 of those who ask the database, and its IPv4: one in each zone."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from constructs import Construct

from voice_cdk.config import plan
from voice_cdk.config.model import Config
from voice_cdk.config.values.ranges import WELL_KNOWN
from voice_cdk.stacks.alarms import Alarms
from voice_cdk.stacks.data import HEALTH_CHECK, MYSQL, Data
from voice_cdk.stacks.groups import Group, Rule, let_group_in, let_group_out
from voice_cdk.stacks.host import HTTPS, Host, Kind
from voice_cdk.stacks.network import Network
from voice_cdk.stacks.subnet import Subnet


class Nat64(cdk.Stack):
    """The NAT64 hosts.

    Attributes:
        group: their security group; who asks the database adds itself to it.
    """

    def __init__(
        self, scope: Construct, name: str, *, config: Config, network: Network, data: Data, alarms: Alarms
    ) -> None:
        super().__init__(scope, name, description="NAT64 hosts")
        communications = network.communications
        self.group = Group(
            self,
            "Access",
            vpc=communications.identity,
            purpose="NAT64 hosts",
            inbound=[
                Rule(purpose=f"MySQL from {subnet.node.id}", peer=subnet.ipv6, ports=MYSQL)
                for subnet in network.shared.asking
                if subnet.ipv6 is not None
            ],
            outbound=[
                HTTPS,
                *(
                    Rule(purpose="health check, by the other host", peer=prefix, ports=MYSQL)
                    for prefix in communications.asked.values()
                ),
            ],
        )
        own, database = self.group.identity, data.group.identity
        purpose = "health check, of the other host"
        let_group_in(self, "HealthCheck", purpose=purpose, into=own, group=own, ports=MYSQL)
        let_group_out(self, "ToData", purpose="MySQL", out_of=own, group=database, ports=MYSQL)
        let_group_in(self, "FromNat64", purpose="MySQL by NAT64", into=database, group=own, ports=MYSQL)
        entrances = [communications.attachment_in(subnet.zone) for subnet in communications.answering]
        tables = [each.table for each in entrances]
        facts = {
            "VOICE_MYSQL_HOST": data.host,
            "VOICE_MYSQL_SECRET": data.secrets[HEALTH_CHECK].secret_arn,
            "VOICE_NAT64_PREFIX": communications.own_prefix or str(WELL_KNOWN),
            "VOICE_NAT64_ROUTE": communications.asked["Nat64"].cidr,
            "VOICE_ROUTE_TABLES": " ".join(tables),
        }
        hosts = [self._host(config, subnet, facts, alarms) for subnet in communications.answering]
        # The health check goes by the neighbour: what a host translates by itself proves nothing of that one.
        neighbours = hosts[1:] + hosts[:1]
        for subnet, entrance, host, neighbour in zip(
            communications.answering, entrances, hosts, neighbours, strict=True
        ):
            communications.translate(self, entrance, host.target)
            communications.translate(self, subnet, neighbour.target)
            host.may_replace_routes(tables)
            data.let_read(host.role, HEALTH_CHECK)

    def _host(self, config: Config, subnet: Subnet, facts: Mapping[str, str], alarms: Alarms) -> Host:
        return Host(
            self,
            f"Host{plan.letter(subnet.zone).upper()}",
            subnet=subnet,
            kind=Kind(host=plan.Host.NAT64, instance_type=config.hosts.nat64, forwards=True),
            group=self.group,
            facts=facts,
            alarms=alarms,
        )
