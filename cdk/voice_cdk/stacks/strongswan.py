"""One client's StrongSwan host: the end of the tunnel to the client, by which its telephony is reached."""

from __future__ import annotations

from ipaddress import IPv4Address

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from voice_cdk.config import plan
from voice_cdk.config.model import Client, Config
from voice_cdk.stacks import telephony
from voice_cdk.stacks.alarms import Alarms
from voice_cdk.stacks.client import ClientNetwork
from voice_cdk.stacks.groups import Group, Ports, Rule
from voice_cdk.stacks.host import HTTPS, Host, Kind, elastic_ip
from voice_cdk.stacks.routing import Family, Prefix, add_route
from voice_cdk.stacks.secrets import let_read
from voice_cdk.stacks.subnet import Subnet

IKE = {"IKE": Ports.udp(500), "IKE and ESP in UDP": Ports.udp(4500)}
"""An Elastic IP is a translated address, so ESP always goes in UDP (RFC 3948)."""


class StrongSwan(cdk.Stack):
    """The StrongSwan host of one client that has a tunnel."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        config: Config,
        client: Client,
        gateway: IPv4Address,
        own: ClientNetwork,
        edge: Subnet,
        alarms: Alarms,
    ) -> None:
        super().__init__(scope, name, description=f"StrongSwan host of the client {client.name}")
        group = self._group(client, gateway, own)
        key = kms.Key(self, "Key", description=f"Tunnel of the client {client.name}", enable_key_rotation=True)
        secret = self._pre_shared_key(client, key)
        host = Host(
            self,
            "Host",
            subnet=edge,
            kind=Kind(host=plan.Host.STRONGSWAN, instance_type=config.hosts.strongswan, forwards=True),
            group=group,
            facts={"VOICE_TUNNEL_SECRET": secret.secret_arn, "VOICE_TUNNEL_GATEWAY": str(gateway)},
            alarms=alarms,
        )
        address = elastic_ip(self)
        host.bear(address)
        cdk.CfnOutput(self, "TunnelAddress", value=address.ref, description="What the client's gateway talks to")
        for number, prefix in enumerate(telephony.prefixes(client)):
            add_route(self, f"ToClient{number}", own.vpc.hosts.table, prefix, host.target)
        let_read(host.role, [secret.secret_arn], key)

    def _group(self, client: Client, gateway: IPv4Address, own: ClientNetwork) -> Group:
        """IKE with the client's gateway; and what the tunnel is for, which passes this host both ways."""
        peer = Prefix(cidr=f"{gateway}/32", family=Family.IPV4)
        ike = [Rule(purpose=purpose, peer=peer, ports=ports) for purpose, ports in IKE.items()]
        hosts = [own.hosts_prefix(client)]
        return Group(
            self,
            "Access",
            vpc=own.vpc.identity,
            purpose=f"StrongSwan host of the client {client.name}",
            inbound=[*ike, *telephony.from_host(hosts)],
            outbound=[*ike, *telephony.to_host(hosts), HTTPS],
        )

    def _pre_shared_key(self, client: Client, key: kms.Key) -> secretsmanager.Secret:
        """The pre-shared key of the tunnel, which the client's gateway needs too."""
        return secretsmanager.Secret(
            self,
            "PreSharedKey",
            description=f"Pre-shared key of the tunnel to the client {client.name}",
            encryption_key=key,
            generate_secret_string=secretsmanager.SecretStringGenerator(exclude_punctuation=True, password_length=64),
        )
