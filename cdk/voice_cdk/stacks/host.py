"""One host: an address that stays, and a machine that is made anew when it fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from voice_cdk.config import plan
from voice_cdk.stacks.alarms import Alarms, Metric, add_alarm, too_little
from voice_cdk.stacks.groups import Group, Ports, Rule
from voice_cdk.stacks.machine import IN_SERVICE, OWNER, MachineOfOne, user_data
from voice_cdk.stacks.routing import INTERNET, Target
from voice_cdk.stacks.subnet import Subnet

HTTPS = Rule(purpose="Endpoints of AWS", peer=INTERNET, ports=Ports.tcp(443))
"""Time (UDP 123), names and metadata are asked of link-local addresses, which security groups don't look at."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What kind of host: its place in the address plan, its type of instance, and whether it passes others' packets."""

    host: plan.Host
    instance_type: str
    forwards: bool


class Host(Construct):
    """One machine in a subnet, in an auto scaling group of one.

    It is made with an interface of its own, which reaches AWS and nothing else. By that it takes over the one with the
    fixed address, and then does everything by it: it stays when the machine goes, so that routes needn't follow.

    Attributes:
        interface: the id of the interface that stays.
        role: what it may do in AWS.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        subnet: Subnet,
        kind: Kind,
        group: Group,
        facts: Mapping[str, str],
        alarms: Alarms,
    ) -> None:
        """`facts`: what AWS alone knows, for the host's files."""
        super().__init__(scope, name)
        address = subnet.address(plan.host_number(kind.host))
        self.interface = self._interface(subnet, kind, address, group)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        self._may_take_over()
        first = Group(self, "Management", vpc=subnet.vpc, purpose="Until the host has its address", outbound=[HTTPS])
        machine = MachineOfOne(self, subnet=subnet, role=self.role)
        own = {
            "VOICE_INTERFACE": self.interface,
            "VOICE_ADDRESS": address,
            "VOICE_STACK": cdk.Stack.of(self).stack_name,
            "VOICE_SIGNAL": machine.signals_as,
        }
        data = user_data({**own, **self._endpoints(), **facts})
        machine.launch(kind.instance_type, group=first.identity, data=data)
        self._watch(machine, alarms)

    @property
    def target(self) -> Target:
        """What routes to this host lead to."""
        return Target(kind="network_interface_id", identity=self.interface)

    def bear(self, address: ec2.CfnEIP) -> None:
        """Have it reached from the internet's IPv4 at an Elastic IP, which AWS translates one for one."""
        ec2.CfnEIPAssociation(
            cdk.Stack.of(self),
            "AddressOfHost",
            allocation_id=address.attr_allocation_id,
            network_interface_id=self.interface,
        )

    def may_attach(self, volume: ec2.CfnVolume) -> None:
        """Let it take a volume that stays when the machine goes."""
        stack = cdk.Stack.of(self)
        arn = stack.format_arn(service="ec2", resource="volume", resource_name=volume.ref)
        cdk.Tags.of(volume).add(OWNER, self.node.path)
        self._may_attach_to_itself("ec2:AttachVolume", arn)

    def may_replace_routes(self, tables: Sequence[str]) -> None:
        """Let it lead the routes of these tables to itself, when its neighbour fails."""
        stack = cdk.Stack.of(self)
        arns = [stack.format_arn(service="ec2", resource="route-table", resource_name=table) for table in tables]
        self.role.add_to_policy(iam.PolicyStatement(actions=["ec2:ReplaceRoute"], resources=arns))

    def _interface(self, subnet: Subnet, kind: Kind, address: str, group: Group) -> str:
        fixed = ec2.CfnNetworkInterface(
            self,
            "Interface",
            subnet_id=subnet.identity,
            group_set=[group.identity],
            ipv6_addresses=[ec2.CfnNetworkInterface.InstanceIpv6AddressProperty(ipv6_address=address)],
            enable_primary_ipv6=True,  # nobody takes the address off it
            private_ip_address=None if subnet.ipv4 is None else str(plan.host_ipv4(subnet.ipv4, kind.host)),
            source_dest_check=False if kind.forwards else None,
            description=self.node.path,
        )
        cdk.Tags.of(fixed).add("Name", self.node.path)
        cdk.Tags.of(fixed).add(OWNER, self.node.path)
        return fixed.ref

    def _may_take_over(self) -> None:
        stack = cdk.Stack.of(self)
        interface = stack.format_arn(service="ec2", resource="network-interface", resource_name=self.interface)
        self._may_attach_to_itself("ec2:AttachNetworkInterface", interface)
        # It says by itself whether it works, and CloudFormation waits for that.
        self.role.add_to_policy(
            iam.PolicyStatement(actions=["cloudformation:SignalResource"], resources=[stack.stack_id])
        )
        # Sessions of operators: there is no SSH. What they're for takes no resources.
        self.role.add_to_policy(iam.PolicyStatement(actions=_SESSIONS, resources=["*"]))

    def _may_attach_to_itself(self, action: str, what: str) -> None:
        machine = cdk.Stack.of(self).format_arn(service="ec2", resource="instance", resource_name="*")
        own = {"StringEquals": {f"aws:ResourceTag/{OWNER}": self.node.path}}
        self.role.add_to_policy(iam.PolicyStatement(actions=[action], resources=[what, machine], conditions=own))

    def _endpoints(self) -> dict[str, str]:
        """What the AWS SDKs need to know where there is no IPv4."""
        return {
            "AWS_DEFAULT_REGION": cdk.Stack.of(self).region,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6",
            "AWS_USE_DUALSTACK_ENDPOINT": "true",
        }

    def _watch(self, machine: MachineOfOne, alarms: Alarms) -> None:
        """Tell if there is no machine, and AWS makes none."""
        alive = Metric(
            namespace="AWS/AutoScaling",
            name=IN_SERVICE,
            dimensions={"AutoScalingGroupName": machine.group},
            statistic="Minimum",
        )
        add_alarm(self, alarms, alive, too_little(f"{self.node.path} has no machine", 1))


def elastic_ip(stack: cdk.Stack) -> ec2.CfnEIP:
    """An Elastic IP, which is called like the stack."""
    address = ec2.CfnEIP(stack, "Address", domain="vpc")
    cdk.Tags.of(address).add("Name", stack.node.path)
    return address


_SESSIONS = [
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
]
