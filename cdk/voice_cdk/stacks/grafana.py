"""Grafana's host, and the name by which the cluster finds it."""

from __future__ import annotations

import json

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from voice_cdk.config import plan
from voice_cdk.config.model import Config
from voice_cdk.kubernetes.naming import GRAFANA_HOST, GRAFANA_PORT, GRAFANA_SECRET
from voice_cdk.stacks.alarms import Alarms
from voice_cdk.stacks.data import MYSQL
from voice_cdk.stacks.groups import Group, Ports, Rule
from voice_cdk.stacks.host import HTTPS, Host, Kind
from voice_cdk.stacks.network import Network
from voice_cdk.stacks.secrets import let_read

WEB = Ports.tcp(GRAFANA_PORT)
TTL_SECONDS = "60"
ADMINISTRATOR = "admin"


class Grafana(cdk.Stack):
    """Grafana's host: nothing on it has to be kept, the operator makes it anew.

    Attributes:
        group: its security group, which lets in nobody by itself.
        administrator: the ARN of the secret with the administrator's name and password.
        key: what encrypts it.
    """

    def __init__(self, scope: Construct, name: str, *, config: Config, network: Network, alarms: Alarms) -> None:
        super().__init__(scope, name, description="Grafana's host")
        subnet = network.shared.hosts
        database = [Rule(purpose="MySQL", peer=each, ports=MYSQL) for each in network.communications.asked.values()]
        self.group = Group(
            self, "Access", vpc=network.shared.identity, purpose="Host of Grafana", outbound=[*database, HTTPS]
        )
        self.key = kms.Key(self, "Key", description="Grafana's secrets", enable_key_rotation=True)
        administrator = self._administrator()
        self.administrator = administrator.secret_arn
        host = Host(
            self,
            "Host",
            subnet=subnet,
            kind=Kind(host=plan.Host.GRAFANA, instance_type=config.hosts.grafana, forwards=False),
            group=self.group,
            facts={"VOICE_GRAFANA_SECRET": self.administrator, **network.communications.naming_facts},
            alarms=alarms,
        )
        let_read(host.role, [self.administrator], self.key)
        self._name(config, network, subnet.address(plan.host_number(plan.Host.GRAFANA)))

    def _administrator(self) -> secretsmanager.Secret:
        """Name and password of Grafana's administrator: the operator is it."""
        secret = secretsmanager.Secret(
            self,
            "Administrator",
            description="Grafana's administrator",
            encryption_key=self.key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=json.dumps({"username": ADMINISTRATOR}),
                generate_string_key="password",
                exclude_punctuation=True,
                password_length=32,
            ),
        )
        cdk.CfnOutput(self, GRAFANA_SECRET.name, value=secret.secret_arn)
        return secret

    def _name(self, config: Config, network: Network, address: str) -> None:
        """By IPv6 alone: it has nothing else."""
        vpc = route53.CfnHostedZone.VPCProperty(vpc_id=network.shared.identity, vpc_region=config.region)
        zone = route53.CfnHostedZone(self, "Zone", name=GRAFANA_HOST.partition(".")[2], vpcs=[vpc])
        route53.CfnRecordSet(
            self,
            "Name",
            hosted_zone_id=zone.ref,
            name=GRAFANA_HOST,
            type="AAAA",
            ttl=TTL_SECONDS,
            resource_records=[address],
        )
