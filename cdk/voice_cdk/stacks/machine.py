"""A machine in an auto scaling group of one. A deployment waits until it says that it works, or fails."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from voice_cdk.config.values.machines import Architecture, architecture
from voice_cdk.stacks.subnet import Subnet
from voice_cdk.stacks.waiting import await_rights

IMAGES = {Architecture.X86_64: "amd64", Architecture.ARM64: "arm64"}
"""Debian's words for architectures."""
OWNER = "host"
"""The tag by which a machine may attach what is its own to itself, and to no other machine."""
DISK_GB = 20
FACTS = "/etc/voice/host.env"
"""Where a host finds what its template knows; shells and systemd read it."""
PATIENCE = "PT15M"
"""For so long (ISO 8601) a deployment waits for a new machine to say that it works."""
IN_SERVICE = "GroupInServiceInstances"


class MachineOfOne:
    """A group of one. It is made before its launch template, whose user data names it.

    Attributes:
        group: the group's name.
        signals_as: the logical id by which the machine tells CloudFormation that it works (SignalResource).
    """

    def __init__(self, scope: Construct, *, subnet: Subnet, role: iam.Role) -> None:
        """`scope`: of the host, by whose path the machine is named and knows what is its own."""
        self._scope, self._role = scope, role
        self._group = autoscaling.CfnAutoScalingGroup(
            scope,
            "One",
            min_size="1",
            max_size="1",
            vpc_zone_identifier=[subnet.identity],
            metrics_collection=[
                autoscaling.CfnAutoScalingGroup.MetricsCollectionProperty(granularity="1Minute", metrics=[IN_SERVICE])
            ],
            tags=[
                autoscaling.CfnAutoScalingGroup.TagPropertyProperty(
                    key=key, value=scope.node.path, propagate_at_launch=True
                )
                for key in ("Name", OWNER)
            ],
        )
        self.group = self._group.ref
        self.signals_as = cdk.Stack.of(scope).get_logical_id(self._group)
        self._wait_for_signal()
        await_rights(self._group, role)

    def launch(self, instance_type: str, *, group: str, data: str) -> None:
        """Let it make machines, with an interface in the security group `group`, and `data` for cloud-init."""
        template = self._template(instance_type, group, data)
        self._group.launch_template = autoscaling.CfnAutoScalingGroup.LaunchTemplateSpecificationProperty(
            launch_template_id=template.ref, version=template.attr_latest_version_number
        )

    def _wait_for_signal(self) -> None:
        options = self._group.cfn_options
        signal = cdk.CfnResourceSignal(count=1, timeout=PATIENCE)
        options.creation_policy = cdk.CfnCreationPolicy(resource_signal=signal)
        options.update_policy = cdk.CfnUpdatePolicy(
            auto_scaling_rolling_update=cdk.CfnAutoScalingRollingUpdate(
                max_batch_size=1,
                # The old one has to let go of the interface before the new one can take it.
                min_instances_in_service=0,
                wait_on_resource_signals=True,
                pause_time=PATIENCE,
            )
        )

    def _template(self, instance_type: str, group: str, data: str) -> ec2.CfnLaunchTemplate:
        profile = iam.CfnInstanceProfile(self._scope, "Profile", roles=[self._role.role_name])
        release = IMAGES[architecture(instance_type)]
        machine = ec2.CfnLaunchTemplate.LaunchTemplateDataProperty(
            user_data=cdk.Fn.base64(data),
            image_id=f"{{{{resolve:ssm:/aws/service/debian/release/12/latest/{release}}}}}",
            instance_type=instance_type,
            iam_instance_profile=ec2.CfnLaunchTemplate.IamInstanceProfileProperty(arn=profile.attr_arn),
            security_group_ids=[group],
            monitoring=ec2.CfnLaunchTemplate.MonitoringProperty(enabled=True),
            ebs_optimized=True,
            metadata_options=ec2.CfnLaunchTemplate.MetadataOptionsProperty(
                http_tokens="required", http_protocol_ipv6="enabled", http_put_response_hop_limit=1
            ),
            block_device_mappings=[root_disk(DISK_GB)],
        )
        return ec2.CfnLaunchTemplate(self._scope, "Template", launch_template_data=machine)


def root_disk(size_gb: int) -> ec2.CfnLaunchTemplate.BlockDeviceMappingProperty:
    """What a machine starts from; Debian's images and EKS's give it the same name."""
    disk = ec2.CfnLaunchTemplate.EbsProperty(encrypted=True, volume_size=size_gb, volume_type="gp3")
    return ec2.CfnLaunchTemplate.BlockDeviceMappingProperty(device_name="/dev/xvda", ebs=disk)


def user_data(facts: Mapping[str, str]) -> str:
    """What cloud-init does with a new machine: it writes what only AWS knows into a file, for those that need it."""
    lines = [f"    {name}='{value}'" for name, value in sorted(facts.items())]
    head = ["#cloud-config", "write_files:", f"- path: {FACTS}", "  permissions: '0644'", "  content: |"]
    return cdk.Fn.join("\n", [*head, *lines, ""])
