"""One client's SIP host: it calls the client, and writes what it measured into the database."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from voice_cdk.config import plan
from voice_cdk.config.model import Client, Config, Connection, SipFamily
from voice_cdk.stacks import telephony
from voice_cdk.stacks.alarms import Alarms
from voice_cdk.stacks.client import ClientNetwork
from voice_cdk.stacks.data import CALL_KEY, MYSQL, SIP_ACCOUNT, Data
from voice_cdk.stacks.groups import Group, Rule
from voice_cdk.stacks.host import HTTPS, Host, Kind, elastic_ip
from voice_cdk.stacks.network import Network
from voice_cdk.stacks.subnet import Subnet

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
        alarms: Alarms,
    ) -> None:
        super().__init__(scope, name, description=f"SIP host of the client {client.name}")
        self._config, self._client, self._own, self._data = config, client, own, data
        self._public = self._public_address()
        spool = self._spool(own.vpc.hosts.zone)
        host = Host(
            self,
            "Host",
            subnet=own.vpc.hosts,
            kind=Kind(host=plan.Host.SIP, instance_type=config.hosts.sip, forwards=False),
            group=self._group(network),
            facts={**self._facts(), **network.communications.naming_facts, "VOICE_SPOOL_VOLUME": spool.ref},
            alarms=alarms,
        )
        if self._public is not None:
            host.bear(self._public)
        data.let_read(host.role, SIP_ACCOUNT)
        data.let_read(host.role, CALL_KEY)
        self._let_read_credentials(host)
        host.may_attach(spool)
        cdk.CfnOutput(
            self,
            "SipAddress",
            value=self._telephony_address(own.vpc.hosts),
            description="What the client's telephony calls",
        )

    def _group(self, network: Network) -> Group:
        """What docs/sip-host.md says of ports, both ways, with the client's telephony alone."""
        peers = telephony.prefixes(self._client)
        database = [Rule(purpose="MySQL", peer=each, ports=MYSQL) for each in network.communications.asked.values()]
        return Group(
            self,
            "Access",
            vpc=self._own.vpc.identity,
            purpose=f"SIP host of the client {self._client.name}",
            inbound=telephony.to_host(peers),
            outbound=[*telephony.from_host(peers), *database, HTTPS],
        )

    def _facts(self) -> dict[str, str]:
        return {
            "VOICE_MYSQL_HOST": self._data.host,
            "VOICE_MYSQL_SECRET": self._data.secrets[SIP_ACCOUNT].secret_arn,
            "VOICE_CALL_KEY_SECRET": self._data.secrets[CALL_KEY].secret_arn,
            "VOICE_CREDENTIALS": f"aws:{self._credentials}",
            "VOICE_SIP_ADDRESS": self._telephony_address(self._own.vpc.hosts),
        }

    @property
    def _credentials(self) -> str:
        """With what the names of secrets begin by which the client's SIP servers know the host."""
        return f"{self._config.name}/sip/{self._client.name}/"

    def _telephony_address(self, hosts: Subnet) -> str:
        """What the client's telephony knows the host by, and what session descriptions say."""
        if self._client.sip_family is SipFamily.IPV6:
            return hosts.address(plan.host_number(plan.Host.SIP))
        if self._public is not None:
            return self._public.ref
        block = plan.subnet_ipv4(self._client.vpc, plan.Role.HOSTS, plan.letter(hosts.zone))
        return str(plan.host_ipv4(block, plan.Host.SIP))

    def _public_address(self) -> ec2.CfnEIP | None:
        """An Elastic IP, for a trunk by IPv4.

        AWS puts the host's private address in its place, one for one, and knows nothing of session descriptions. So the
        host has the Elastic IP too, as an address of its own, and undoes by itself what AWS does.
        """
        if self._client.sip_family is SipFamily.IPV6 or self._client.connection is Connection.TUNNEL:
            return None
        return elastic_ip(self)

    def _let_read_credentials(self, host: Host) -> None:
        """Whoever has them puts them there (docs/sip-host.md), under names that nobody knows here."""
        arn = self.format_arn(
            service="secretsmanager",
            resource="secret",
            resource_name=f"{self._credentials}*",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        host.role.add_to_policy(iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[arn]))

    def _spool(self, zone: str) -> ec2.CfnVolume:
        """Records that wait for the database."""
        volume = ec2.CfnVolume(self, "Spool", availability_zone=zone, encrypted=True, size=SPOOL_GB, volume_type="gp3")
        volume.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        cdk.Tags.of(volume).add("Name", f"{self.node.path}/Spool")
        return volume
