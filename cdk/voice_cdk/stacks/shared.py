"""VPC-A, shared services: the load balancer, the cluster, and Grafana's host."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from voice_cdk.config import plan
from voice_cdk.config.model import Config
from voice_cdk.config.plan import Role
from voice_cdk.stacks.routing import INTERNET, INTERNET_IPV4, TRANSLATED
from voice_cdk.stacks.subnet import Addresses, Subnet
from voice_cdk.stacks.vpc import Safeguards, Vpc


class SharedVpc(Vpc):
    """VPC-A.

    Attributes:
        edges: the subnets of the load balancer.
        apps: the subnets of the cluster, which EKS wants with both families.
        hosts: the subnet of hosts that have IPv6 only.
    """

    def __init__(self, scope: Construct, name: str, *, config: Config, safeguards: Safeguards) -> None:
        super().__init__(scope, name, ipv4=config.shared, safeguards=safeguards)
        dns64 = plan.is_found_by_dns64(config)
        internet, egress_only = self.add_internet_gateway(), self.add_egress_only_gateway()
        # By IPv4 NAT gateways go out, too. By IPv6 nothing is there but for who may come.
        by_ipv6 = [INTERNET] if any(each.version == 6 for each in config.portal.allowed) else []
        self.edges = [self.add_edge(zone, internet, INTERNET_IPV4, *by_ipv6) for zone in config.zones]
        # Images and packages come from registries that have IPv4 only.
        nat = {edge.zone: self.add_nat_gateway(edge, internet) for edge in self.edges}
        self.apps = [self.add_subnet(Role.APPS, zone, Addresses.DUAL, dns64=dns64) for zone in config.zones]
        self.hosts = self.add_subnet(Role.HOSTS, config.zones[0], Addresses.IPV6, dns64=dns64)
        for subnet in self.apps:
            subnet.route("InternetIpv4", INTERNET_IPV4, nat[subnet.zone])
        for subnet in self.asking:
            subnet.route("Internet", INTERNET, egress_only)
            if dns64:
                subnet.route("Translated", TRANSLATED, nat[subnet.zone])
        self._add_s3_endpoint(config.region)

    @property
    def asking(self) -> list[Subnet]:
        """The subnets of what asks the database."""
        return [*self.apps, self.hosts]

    def _add_s3_endpoint(self, region: str) -> None:
        """The layers of images are in S3: by an endpoint they cost nothing, by a NAT gateway each byte does."""
        ec2.CfnVPCEndpoint(
            self,
            "S3",
            vpc_id=self.identity,
            service_name=f"com.amazonaws.{region}.s3",
            vpc_endpoint_type="Gateway",
            ip_address_type="dualstack",
            dns_options=ec2.CfnVPCEndpoint.DnsOptionsSpecificationProperty(dns_record_ip_type="dualstack"),
            route_table_ids=[subnet.table for subnet in self.asking],
        )
