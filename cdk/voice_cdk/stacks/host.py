"""One host: an address that stays, and a machine that is made anew when it fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from voice_cdk.config import plan
from voice_cdk.config.values.machines import Architecture, architecture
from voice_cdk.stacks.groups import Group, Ports, Rule
from voice_cdk.stacks.routing import INTERNET, Target
from voice_cdk.stacks.subnet import Subnet

IMAGES = {Architecture.X86_64: "amd64", Architecture.ARM64: "arm64"}
"""Debian's words for architectures."""
HTTPS = Rule(purpose="Endpoints of AWS", peer=INTERNET, ports=Ports.tcp(443))
OWNER = "host"
"""The tag by which a machine may attach what is its own to itself, and to no other machine."""
DISK_GB = 20
FACTS = "/etc/voice/host.env"
"""Where a host finds what its template knows; shells and systemd read it."""


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
        host: plan.Host,
        instance_type: str,
        group: Group,
        forwards: bool,
        facts: Mapping[str, str],
    ) -> None:
        """`forwards`: what passes has others' addresses. `facts`: what AWS alone knows, for the host's files."""
        super().__init__(scope, name)
        fixed = ec2.CfnNetworkInterface(
            self,
            "Interface",
            subnet_id=subnet.identity,
            group_set=[group.identity],
            ipv6_addresses=[
                ec2.CfnNetworkInterface.InstanceIpv6AddressProperty(ipv6_address=subnet.address(plan.host_number(host)))
            ],
            private_ip_address=None if subnet.ipv4 is None else str(plan.host_ipv4(subnet.ipv4, host)),
            source_dest_check=False if forwards else None,
            description=self.node.path,
        )
        cdk.Tags.of(fixed).add("Name", self.node.path)
        cdk.Tags.of(fixed).add(OWNER, self.node.path)
        self.interface = fixed.ref
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        self._may_take_over()
        address = subnet.address(plan.host_number(host))
        own = {"VOICE_INTERFACE": self.interface, "VOICE_ADDRESS": address, **self._endpoints()}
        first = Group(self, "Management", vpc=subnet.vpc, purpose="Until the host has its address", outbound=[HTTPS])
        template = self._launch_template(instance_type, first, user_data({**own, **facts}))
        self._group_of_one(subnet, template)

    @property
    def target(self) -> Target:
        """What routes to this host lead to."""
        return Target(kind="network_interface_id", identity=self.interface)

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

    def _may_take_over(self) -> None:
        stack = cdk.Stack.of(self)
        interface = stack.format_arn(service="ec2", resource="network-interface", resource_name=self.interface)
        self._may_attach_to_itself("ec2:AttachNetworkInterface", interface)
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

    def _launch_template(self, instance_type: str, group: Group, data: str) -> ec2.CfnLaunchTemplate:
        profile = iam.CfnInstanceProfile(self, "Profile", roles=[self.role.role_name])
        release = IMAGES[architecture(instance_type)]
        machine = ec2.CfnLaunchTemplate.LaunchTemplateDataProperty(
            user_data=cdk.Fn.base64(data),
            image_id=f"{{{{resolve:ssm:/aws/service/debian/release/12/latest/{release}}}}}",
            instance_type=instance_type,
            iam_instance_profile=ec2.CfnLaunchTemplate.IamInstanceProfileProperty(arn=profile.attr_arn),
            security_group_ids=[group.identity],
            monitoring=ec2.CfnLaunchTemplate.MonitoringProperty(enabled=True),
            ebs_optimized=True,
            metadata_options=ec2.CfnLaunchTemplate.MetadataOptionsProperty(
                http_tokens="required", http_protocol_ipv6="enabled", http_put_response_hop_limit=1
            ),
            block_device_mappings=[
                ec2.CfnLaunchTemplate.BlockDeviceMappingProperty(
                    device_name="/dev/xvda",
                    ebs=ec2.CfnLaunchTemplate.EbsProperty(encrypted=True, volume_size=DISK_GB, volume_type="gp3"),
                )
            ],
        )
        return ec2.CfnLaunchTemplate(self, "Template", launch_template_data=machine)

    def _group_of_one(self, subnet: Subnet, template: ec2.CfnLaunchTemplate) -> None:
        group = autoscaling.CfnAutoScalingGroup(
            self,
            "One",
            min_size="1",
            max_size="1",
            vpc_zone_identifier=[subnet.identity],
            launch_template=autoscaling.CfnAutoScalingGroup.LaunchTemplateSpecificationProperty(
                launch_template_id=template.ref, version=template.attr_latest_version_number
            ),
            tags=[
                autoscaling.CfnAutoScalingGroup.TagPropertyProperty(
                    key=key, value=self.node.path, propagate_at_launch=True
                )
                for key in ("Name", OWNER)
            ],
        )
        # The old one has to let go of the interface before the new one can take it.
        group.cfn_options.update_policy = cdk.CfnUpdatePolicy(
            auto_scaling_rolling_update=cdk.CfnAutoScalingRollingUpdate(max_batch_size=1, min_instances_in_service=0)
        )
        group.node.add_dependency(self.role)


def user_data(facts: Mapping[str, str]) -> str:
    """What cloud-init does with a new machine: it writes what only AWS knows into a file, for those that need it."""
    lines = [f"    {name}='{value}'" for name, value in sorted(facts.items())]
    head = ["#cloud-config", "write_files:", f"- path: {FACTS}", "  permissions: '0644'", "  content: |"]
    return cdk.Fn.join("\n", [*head, *lines, ""])


_SESSIONS = [
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
]
