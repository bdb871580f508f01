"""Make one resource, whatever its type."""

from __future__ import annotations

from collections.abc import Mapping

from voice_cdk.judge.keys import Json
from voice_cdk.proving.emulating import groups
from voice_cdk.proving.emulating.conditions import CONDITIONS
from voice_cdk.proving.emulating.requests import REQUESTS, Client
from voice_cdk.proving.emulating.values import MissingError

EC2 = "AWS::EC2::"
CLUSTER = "AWS::EKS::Cluster"


def make(ec2: Client, kind: str, name: str, properties: Mapping[str, Json]) -> dict[str, Json]:
    """Make a resource, called `name` where it needs a name of its own; return its attributes.

    Of other services nothing is asked: their resources are there by being named.
    """
    if kind == CLUSTER:
        return _cluster(ec2, name, properties)
    if not kind.startswith(EC2):
        return {}
    short = kind.removeprefix(EC2)
    if short in CONDITIONS:
        CONDITIONS[short](ec2, properties)
    return _of_ec2(ec2, short, name, properties)


def _of_ec2(ec2: Client, short: str, name: str, properties: Mapping[str, Json]) -> dict[str, Json]:
    match short:
        case "SecurityGroup":
            return groups.create_group(ec2, name, properties)
        case "SecurityGroupIngress":
            return groups.create_ingress(ec2, properties)
        case "SecurityGroupEgress":
            return groups.create_egress(ec2, properties)
        case "LaunchTemplate":
            answer = ec2.create_launch_template(LaunchTemplateName=name, **properties)
            return {"Ref": answer["LaunchTemplate"]["LaunchTemplateId"]}
        case "Subnet":
            return _subnet(ec2, properties)
        case _ if short in REQUESTS:
            return REQUESTS[short].send(ec2, properties)
    raise MissingError(f"nobody wrote down how a {short} is asked for")


def _subnet(ec2: Client, properties: Mapping[str, Json]) -> dict[str, Json]:
    """What its hosts are called is set afterwards, by parameters of other names."""
    names = properties.get("PrivateDnsNameOptionsOnLaunch", {})
    made = REQUESTS["Subnet"].send(
        ec2, {name: value for name, value in properties.items() if name != "PrivateDnsNameOptionsOnLaunch"}
    )
    for name, value in names.items():
        if name == "HostnameType":
            ec2.modify_subnet_attribute(SubnetId=made["Ref"], PrivateDnsHostnameTypeOnLaunch=value)
        else:
            ec2.modify_subnet_attribute(SubnetId=made["Ref"], **{f"{name}OnLaunch": {"Value": value}})
    return made


def _cluster(ec2: Client, name: str, properties: Mapping[str, Json]) -> dict[str, Json]:
    """EKS makes a security group of its own, which rules name."""
    subnets = ec2.describe_subnets(SubnetIds=properties["ResourcesVpcConfig"]["SubnetIds"])["Subnets"]
    (vpc,) = {one["VpcId"] for one in subnets}
    group = ec2.create_security_group(GroupName=f"eks-cluster-{name}", Description="EKS", VpcId=vpc)["GroupId"]
    return {"ClusterSecurityGroupId": group}
