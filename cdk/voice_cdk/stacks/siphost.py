"""One client's SIP host: it calls the client, and writes what it measured into the database."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from voice_cdk.config import plan
from voice_cdk.config.model import Client, Config
from voice_cdk.stacks import telephony
from voice_cdk.stacks.client import ClientNetwork
from voice_cdk.stacks.data import CALL_KEY, MYSQL, SIP_ACCOUNT, Data
from voice_cdk.stacks.groups import Group, Rule
from voice_cdk.stacks.host import HTTPS, Host
from voice_cdk.stacks.network import Network

SPOOL_GB = 20


class SipHost(cdk.Stack):
    """The SIP host of one client, and the volume of its spool, which stays whatever becomes of the host."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        config: Config,
        client: Client,
        network: Network,
        own: ClientNetwork,
        data: Data,
    ) -> None:
        super().__init__(scope, name, description=f"SIP host of the client {client.name}")
        peers = telephony.prefixes(client)
        database = [Rule(purpose="MySQL", peer=each, ports=MYSQL) for each in network.communications.asked.values()]
        group = Group(
            self,
            "Access",
            vpc=own.vpc.identity,
            purpose=f"SIP host of the client {client.name}",
            inbound=telephony.to_host(peers),
            outbound=[*telephony.from_host(peers), *database, HTTPS],
        )
        spool = self._spool(own.vpc.hosts.zone)
        credentials = f"{config.name}/sip/{client.name}/"
        host = Host(
            self,
            "Host",
            subnet=own.vpc.hosts,
            host=plan.Host.SIP,
            instance_type=config.hosts.sip,
            group=group,
            forwards=False,
            facts={
                "VOICE_MYSQL_HOST": data.host,
                "VOICE_MYSQL_SECRET": data.secrets[SIP_ACCOUNT].secret_arn,
                "VOICE_CALL_KEY_SECRET": data.secrets[CALL_KEY].secret_arn,
                "VOICE_CREDENTIALS": f"aws:{credentials}",
                "VOICE_SPOOL_VOLUME": spool.ref,
            },
        )
        data.let_read(host.role, SIP_ACCOUNT)
        data.let_read(host.role, CALL_KEY)
        self._let_read_credentials(host, f"{credentials}*")
        host.may_attach(spool)

    def _let_read_credentials(self, host: Host, names: str) -> None:
        """What the client's SIP servers know the host by; whoever has it puts it there (docs/sip-host.md)."""
        arn = self.format_arn(
            service="secretsmanager",
            resource="secret",
            resource_name=names,
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        host.role.add_to_policy(iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[arn]))

    def _spool(self, zone: str) -> ec2.CfnVolume:
        """Records that wait for the database."""
        volume = ec2.CfnVolume(self, "Spool", availability_zone=zone, encrypted=True, size=SPOOL_GB, volume_type="gp3")
        volume.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        cdk.Tags.of(volume).add("Name", f"{self.node.path}/Spool")
        return volume
