"""Grafana's host, and the name by which the cluster finds it."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from voice_cdk.config import plan
from voice_cdk.config.model import Config
from voice_cdk.stacks.data import MYSQL
from voice_cdk.stacks.groups import Group, Ports, Rule
from voice_cdk.stacks.host import HTTPS, Host
from voice_cdk.stacks.network import Network

ZONE = "voice.internal"
WEB = Ports.tcp(3000)
TTL_SECONDS = "60"


class Grafana(cdk.Stack):
    """Grafana's host: nothing on it has to be kept, the operator makes it anew.

    Attributes:
        group: its security group, which lets in nobody by itself.
        host: its name.
    """

    def __init__(self, scope: Construct, name: str, *, config: Config, network: Network) -> None:
        super().__init__(scope, name, description="Grafana's host")
        subnet = network.shared.hosts
        database = [Rule(purpose="MySQL", peer=each, ports=MYSQL) for each in network.communications.asked.values()]
        self.group = Group(
            self, "Access", vpc=network.shared.identity, purpose="Host of Grafana", outbound=[*database, HTTPS]
        )
        key = kms.Key(self, "Key", description="Grafana's secrets", enable_key_rotation=True)
        administrator = secretsmanager.Secret(
            self,
            "Administrator",
            description="Password of Grafana's administrator",
            encryption_key=key,
            generate_secret_string=secretsmanager.SecretStringGenerator(exclude_punctuation=True, password_length=32),
        )
        host = Host(
            self,
            "Host",
            subnet=subnet,
            host=plan.Host.GRAFANA,
            instance_type=config.hosts.grafana,
            group=self.group,
            forwards=False,
            facts={"VOICE_GRAFANA_SECRET": administrator.secret_arn},
        )
        administrator.grant_read(host.role)
        self.host = f"grafana.{ZONE}"
        self._name(config, network, subnet.address(plan.host_number(plan.Host.GRAFANA)))

    def _name(self, config: Config, network: Network, address: str) -> None:
        """By IPv6 alone: it has nothing else."""
        vpc = route53.CfnHostedZone.VPCProperty(vpc_id=network.shared.identity, vpc_region=config.region)
        zone = route53.CfnHostedZone(self, "Zone", name=ZONE, vpcs=[vpc])
        route53.CfnRecordSet(
            self,
            "Name",
            hosted_zone_id=zone.ref,
            name=self.host,
            type="AAAA",
            ttl=TTL_SECONDS,
            resource_records=[address],
        )
