"""VPC-A, VPC-B and the transit gateway that joins them; clients' VPCs join by themselves."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from voice_cdk.config.model import Config, DbAccess
from voice_cdk.kubernetes.naming import VPC
from voice_cdk.stacks.alarms import Alarms
from voice_cdk.stacks.communications import CommunicationsVpc
from voice_cdk.stacks.defaultgroup import DefaultGroups
from voice_cdk.stacks.flowlogs import FlowLogs, logs_key
from voice_cdk.stacks.routing import add_route
from voice_cdk.stacks.shared import SharedVpc
from voice_cdk.stacks.subnet import Subnet
from voice_cdk.stacks.transit import Role, TransitGateway
from voice_cdk.stacks.vpc import Safeguards, Vpc


def safeguards(stack: cdk.Stack, *, key: kms.IKey, alarms: Alarms) -> Safeguards:
    """What `stack` has for all of its VPCs."""
    return Safeguards(
        logs=FlowLogs(stack, "FlowLogs", key=key), default_groups=DefaultGroups(stack, "DefaultGroups"), alarms=alarms
    )


class Network(cdk.Stack):
    """VPC-A, VPC-B and the transit gateway."""

    def __init__(self, scope: Construct, name: str, *, config: Config, alarms: Alarms) -> None:
        super().__init__(scope, name, description="VPC-A, VPC-B and the transit gateway")
        self.logs_key = logs_key(self)
        guards = safeguards(self, key=self.logs_key, alarms=alarms)
        self.transit = TransitGateway(self, "Transit", logs=guards.logs)
        self.communications = CommunicationsVpc(self, "Communications", config=config, safeguards=guards)
        self._to_communications = self.transit.attach(self.communications, config.zones, Role.COMMUNICATIONS)
        for role in (Role.SHARED, Role.CLIENTS):
            for prefix_name, prefix in self.communications.asked.items():
                self.transit.route(
                    self.communications, prefix_name, role=role, prefix=prefix, to=self._to_communications
                )
        if config.db_access is DbAccess.MANAGED:
            self.communications.add_managed_translators()
        self.shared = SharedVpc(self, "Shared", config=config, safeguards=guards)
        self.join(self.shared, role=Role.SHARED, zones=config.zones, asking=self.shared.asking)
        cdk.CfnOutput(self, VPC.name, value=self.shared.identity)

    def join(self, vpc: Vpc, *, role: Role, zones: Sequence[str], asking: Sequence[Subnet]) -> None:
        """Attach a VPC in `zones`, so that the subnets `asking` reach the database, are answered, and that is all."""
        attachment = self.transit.attach(vpc, zones, role)
        for subnet in asking:
            for name, prefix in self.communications.asked.items():
                subnet.route(name, prefix, attachment.gateway)
        self.transit.route(vpc, "Back", role=Role.COMMUNICATIONS, prefix=vpc.ipv6, to=attachment)
        for subnet in self.communications.answering_to(zones):
            add_route(vpc, f"BackFrom{subnet.node.id}", subnet.table, vpc.ipv6, self._to_communications.gateway)
