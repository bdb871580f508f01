"""The whole platform: one stage, whose stacks are deployed in the order in which they need each other."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from voice_cdk.config.model import Client, Config, DbAccess
from voice_cdk.stacks.alarms import Alarms
from voice_cdk.stacks.client import ClientNetwork
from voice_cdk.stacks.cluster import Cluster
from voice_cdk.stacks.data import Data
from voice_cdk.stacks.grafana import Grafana
from voice_cdk.stacks.groups import Group
from voice_cdk.stacks.nat64 import Nat64
from voice_cdk.stacks.network import Network
from voice_cdk.stacks.portal import Portal
from voice_cdk.stacks.siphost import SipHost
from voice_cdk.stacks.strongswan import StrongSwan


class Platform(cdk.Stage):
    """All stacks of one configuration."""

    def __init__(self, scope: Construct, config: Config) -> None:
        super().__init__(scope, config.name, env=cdk.Environment(account=config.account, region=config.region))
        self.alarms = Alarms(self, "Alarms", config=config)
        self.network = Network(self, "Network", config=config, alarms=self.alarms)
        self.data = Data(self, "Data", config=config, network=self.network, alarms=self.alarms)
        self.door: Group | None = self.data.group if config.db_access is DbAccess.NATIVE else None
        if config.db_access is DbAccess.NAT64:
            nat64 = Nat64(self, "Nat64", config=config, network=self.network, data=self.data, alarms=self.alarms)
            self.door = nat64.group
        self.grafana = Grafana(self, "Grafana", config=config, network=self.network, alarms=self.alarms)
        self.cluster = Cluster(
            self, "Cluster", config=config, network=self.network, data=self.data, grafana=self.grafana
        )
        Portal(self, "Portal", config=config, network=self.network, cluster=self.cluster, alarms=self.alarms)
        for client in config.clients:
            self._add_client(config, client)
        cdk.Tags.of(self).add("platform", config.name)

    def _add_client(self, config: Config, client: Client) -> None:
        """What one client has: its network, its SIP host, and for a tunnel its StrongSwan host."""
        own = ClientNetwork(
            self,
            f"Client-{client.name}",
            config=config,
            client=client,
            network=self.network,
            alarms=self.alarms,
        )
        if self.door is not None:
            own.ask_by(self.door)
        SipHost(
            self,
            f"SipHost-{client.name}",
            config=config,
            client=client,
            network=self.network,
            own=own,
            data=self.data,
            alarms=self.alarms,
        )
        if client.gateway is not None and own.vpc.edge is not None:
            StrongSwan(
                self,
                f"StrongSwan-{client.name}",
                config=config,
                client=client,
                gateway=client.gateway,
                own=own,
                edge=own.vpc.edge,
                alarms=self.alarms,
            )
