"""What cdk-nag and AWS's validator say of the stacks and what is right as it is: what, where, and why.

A reason that no configuration needs any more fails a test. What a rule is for is judged by others where it says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import aws_cdk as cdk
from constructs import IConstruct

from voice_cdk.config.model import Config


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One rule that is broken on purpose.

    Attributes:
        rule: its name, with what exactly is found where the rule says that.
        where: the construct's path below the platform; each part a pattern, as of file names.
    """

    rule: str
    where: str
    reason: str


def acknowledge(platform: IConstruct, config: Config) -> None:
    """Tell AWS CDK each reason at the constructs that it is about."""
    for one in reasons(config):
        for construct in _at(platform, one.where.split("/") if one.where else []):
            cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=one.rule, reason=one.reason))


def _at(construct: IConstruct, path: Sequence[str]) -> Iterator[IConstruct]:
    if not path:
        yield construct
        return
    for child in construct.node.children:
        if fnmatchcase(child.node.id, path[0]):
            yield from _at(child, path[1:])


def reasons(config: Config) -> tuple[Reason, ...]:
    """All reasons, some of them of constructs that another configuration has."""
    return (
        Reason(
            rule="CloudFormation-Validate::W3010",
            where="",
            reason="The zones are the configuration's, which checks that they are of its region.",
        ),
        *_network(config),
        *_data(),
        *_cluster(config),
        *_hosts(config),
    )


def _network(config: Config) -> Iterator[Reason]:
    runbook = (
        f"arn:aws:ssm:{config.region}:*:automation-definition/AWSConfigRemediation-RemoveVPCDefaultSecurityGroupRules:*"
    )
    executions = f"arn:aws:ssm:{config.region}:{config.account}:automation-execution/*"
    for stack in ("Network", "Client-*"):
        where = f"{stack}/DefaultGroups/Role/DefaultPolicy"
        yield _iam5(where, "*", "ec2:DescribeSecurityGroups only reads, and IAM knows no resources for it.")
        yield _iam5(where, runbook, "The runbook is AWS's: neither its account nor its version is ours to choose.")
        yield _iam5(where, executions, "An execution of the runbook gets its id when it starts.")
    for where in ("Client-*/AskDatabase", "Nat64/Access/Group", "Data/Access/Group", "StrongSwan-*/Access/Group"):
        yield Reason(
            rule="AwsSolutions-EC23",
            where=where,
            reason="The rule fails on prefixes that AWS gives to a VPC when it makes it. What is open to everybody is "
            "found by EVERYBODY_MAY_REACH_THE_PORTAL_ALONE (rules.guard), and by check-templates.",
        )


def _data() -> Iterator[Reason]:
    yield Reason(
        rule="AwsSolutions-RDS6",
        where="Data/Cluster",
        reason="Grafana's data source and the SIP hosts' ODBC log in with a password that stays, not with tokens of 15 "
        "minutes. The administrator's password is Aurora's to rotate.",
    )
    yield Reason(
        rule="AwsSolutions-RDS11",
        where="Data/Cluster",
        reason="Who reaches the port is named in security groups; a port of another number would hide nothing.",
    )
    yield Reason(
        rule="AwsSolutions-RDS14",
        where="Data/Cluster",
        reason="Aurora Serverless v2 has no Backtrack. Backups go back to any second of the configuration's days.",
    )
    yield Reason(
        rule="AwsSolutions-SMG4",
        where="Data/*Secret",
        reason="Pods and hosts hold what they read until they start anew: who rotates has to rotate both sides, and a "
        "function that did it behind their backs would lock them out.",
    )
    yield Reason(
        rule="AwsSolutions-SMG4",
        where="Grafana/Administrator",
        reason="Grafana keeps a copy of its own: the password is changed there, and then here.",
    )
    yield Reason(
        rule="AwsSolutions-SMG4",
        where="StrongSwan-*/PreSharedKey",
        reason="The client's administrators enter the same key at their end, in the same minute.",
    )


def _cluster(config: Config) -> Iterator[Reason]:
    for role, policy in (
        ("ClusterRole", "AmazonEKSClusterPolicy"),
        ("NodeRole", "AmazonEKSWorkerNodePolicy"),
        ("NodeRole", "AmazonEC2ContainerRegistryPullOnly"),
    ):
        yield Reason(
            rule=f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{policy}]",
            where=f"Cluster/{role}",
            reason="AWS brings it up to what EKS needs with each version of Kubernetes.",
        )
    cni = "Cluster/VpcCniRole/DefaultPolicy"
    yield _iam5(cni, "*", "It only reads there, and IAM knows no resources for it.")
    for kind in ("network-interface", "security-group"):
        yield _iam5(
            cni,
            f"arn:aws:ec2:{config.region}:{config.account}:{kind}/*",
            "Interfaces of nodes, and their groups, are EKS's to make and to name; the condition says of which VPC.",
        )
    yield _iam5(
        "Portal/ControllerRole/DefaultPolicy",
        "*",
        "It only reads there; what it changes is the portal's target group alone.",
    )
    yield Reason(
        rule="AwsSolutions-S1",
        where="Portal/AccessLogs/Bucket",
        reason="It is a bucket of logs: logs of who wrote these would be logs of the load balancer's own writing.",
    )
    if config.cluster.allowed:
        yield Reason(
            rule="AwsSolutions-EKS1",
            where="Cluster/Cluster",
            reason="The configuration names the networks from which the API may be reached; by default it names none.",
        )
    if any(each.prefixlen == 0 for each in config.portal.allowed):
        yield Reason(
            rule="AwsSolutions-EC23",
            where="Portal/Access/Group",
            reason="The configuration lets everybody come to the portal, where they have to sign in.",
        )


def _hosts(config: Config) -> Iterator[Reason]:
    for host in ("Grafana/Host", "Nat64/Host*", "SipHost-*/Host", "StrongSwan-*/Host"):
        role = f"{host}/Role/DefaultPolicy"
        yield _iam5(role, "*", "Sessions of operators: IAM knows no resources for what the SSM agent asks of itself.")
        yield _iam5(
            role,
            f"arn:aws:ec2:{config.region}:{config.account}:instance/*",
            "A machine gets its id when it starts; its tag, which the condition names, says whose it is.",
        )
        yield Reason(
            rule="AwsSolutions-AS3",
            where=f"{host}/One",
            reason="An alarm tells that it has no machine; that one is made anew needn't wake anybody.",
        )
    for client in config.clients:
        yield _iam5(
            f"SipHost-{client.name}/Host/Role/DefaultPolicy",
            f"arn:aws:secretsmanager:{config.region}:{config.account}:secret:{config.name}/sip/{client.name}/*",
            "Passwords of this client's trunks are put there when they are known, each under its own name.",
        )


def _iam5(where: str, resource: str, reason: str) -> Reason:
    return Reason(rule=f"AwsSolutions-IAM5[Resource::{resource}]", where=where, reason=reason)
