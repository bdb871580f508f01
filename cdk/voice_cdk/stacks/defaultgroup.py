"""The security group that every VPC is born with: who is in it may talk to all others in it, and to everybody.

No property closes it: AWS::EC2::SecurityGroupIngress and …Egress add rules and take none away. State Manager runs a
runbook of AWS's that does, once when the VPC is made, and every day for the case that somebody opens it again: no code
of ours, and no function.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from voice_cdk.stacks.waiting import await_rights

RUNBOOK = "AWSConfigRemediation-RemoveVPCDefaultSecurityGroupRules"


class DefaultGroups(Construct):
    """What closes the default security groups of one stack's VPCs."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        stack = cdk.Stack.of(self)
        service = iam.ServicePrincipal(
            "ssm.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
        )
        self._role = iam.Role(self, "Role", assumed_by=service)
        self._groups: list[str] = []
        # What only reads knows no resources.
        self._allow(["ec2:DescribeSecurityGroups"], ["*"])
        definition = stack.format_arn(
            service="ssm", account="*", resource="automation-definition", resource_name=f"{RUNBOOK}:*"
        )
        self._allow(["ssm:StartAutomationExecution"], [definition])
        execution = stack.format_arn(service="ssm", resource="automation-execution", resource_name="*")
        self._allow(["ssm:GetAutomationExecution"], [execution])

    def close(self, scope: Construct, group: str) -> None:
        """Close `group`, the id of a VPC's default security group."""
        arn = cdk.Stack.of(self).format_arn(service="ec2", resource="security-group", resource_name=group)
        self._allow(["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"], [arn])
        association = ssm.CfnAssociation(
            scope,
            "DefaultGroup",
            name=RUNBOOK,
            parameters={"AutomationAssumeRole": [self._role.role_arn], "GroupId": [group]},
            schedule_expression="rate(1 day)",
        )
        await_rights(association, self._role)

    def _allow(self, actions: list[str], resources: list[str]) -> None:
        self._role.add_to_policy(iam.PolicyStatement(actions=actions, resources=resources))
