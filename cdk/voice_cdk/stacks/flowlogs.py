"""Flow logs: what passed and what was refused, of VPCs and of the transit gateway, encrypted, for a month."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from voice_cdk.stacks.waiting import await_rights

TRANSIT_GATEWAY_SECONDS = 60
"""The only interval that AWS takes for a transit gateway."""


def logs_key(scope: Construct) -> kms.Key:
    """The key that this account's log groups are encrypted with."""
    stack = cdk.Stack.of(scope)
    key = kms.Key(
        scope, "LogsKey", description="Log groups", enable_key_rotation=True, removal_policy=cdk.RemovalPolicy.DESTROY
    )
    groups = stack.format_arn(
        service="logs", resource="log-group", resource_name="*", arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
            actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
            resources=["*"],  # in a key's own policy this is the key
            conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
        )
    )
    return key


class FlowLogs(Construct):
    """Where the flow logs of one stack go, and the role that writes them."""

    def __init__(self, scope: Construct, name: str, *, key: kms.IKey) -> None:
        super().__init__(scope, name)
        self._group = logs.LogGroup(
            self,
            "Group",
            encryption_key=key,
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        stack = cdk.Stack.of(self)
        service = iam.ServicePrincipal(
            "vpc-flow-logs.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
        )
        self._role = iam.Role(self, "Role", assumed_by=service)
        self._group.grant(self._role, "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams")

    def of_vpc(self, scope: Construct, vpc: str) -> None:
        """Log what passes in a VPC, and what is refused there."""
        self._log(scope, resource_id=vpc, resource_type="VPC", traffic_type="ALL")

    def of_transit_gateway(self, scope: Construct, gateway: str) -> None:
        """Log what passes a transit gateway; it refuses nothing, so there is no type of traffic to choose."""
        self._log(
            scope,
            resource_id=gateway,
            resource_type="TransitGateway",
            max_aggregation_interval=TRANSIT_GATEWAY_SECONDS,
        )

    def _log(self, scope: Construct, **properties: Any) -> None:  # noqa: ANN401 - as CfnFlowLog has them
        log = ec2.CfnFlowLog(
            scope,
            "FlowLog",
            deliver_logs_permission_arn=self._role.role_arn,
            log_destination=self._group.log_group_arn,
            **properties,
        )
        await_rights(log, self._role)  # AWS tries the role as soon as there is a flow log
