"""What stands in templates, and what that costs."""

from typing import Any

import pytest

from voice_cdk.documenting import prices
from voice_cdk.documenting.costs import UnpricedError, items, table_of_sizes
from voice_cdk.judge.templates import Assembly, from_templates


def assembly(**resources: tuple[str, dict[str, Any]]) -> Assembly:
    written = {
        name: {"Type": f"AWS::{kind}", "Properties": properties} for name, (kind, properties) in resources.items()
    }
    return from_templates({"Stack": {"Resources": written}})


def host(kind: str, *, gb: int = 20) -> tuple[str, dict[str, Any]]:
    data = {"InstanceType": kind, "BlockDeviceMappings": [{"Ebs": {"VolumeSize": gb}}], "Monitoring": {"Enabled": True}}
    return "EC2::LaunchTemplate", {"LaunchTemplateData": data}


def nodes(count: int) -> dict[str, tuple[str, dict[str, Any]]]:
    template = {"LaunchTemplateData": {"BlockDeviceMappings": [{"Ebs": {"VolumeSize": 50}}]}}
    group = {"InstanceTypes": ["t3.large"], "ScalingConfig": {"MinSize": count, "MaxSize": 9}}
    return {"Template": ("EC2::LaunchTemplate", template), "Nodes": ("EKS::Nodegroup", group)}


def units(found: Assembly) -> dict[str, float]:
    return {item.name: item.units for item in items(found) if item.units}


def test_a_host_is_a_machine_with_its_disk_and_nodes_are_as_many_as_there_are_at_the_least():
    found = units(assembly(One=host("t3.micro"), Two=host("t3.micro"), **nodes(3)))
    assert found == {
        "machines, t3.large": 3,
        "machines, t3.micro": 2,
        "their disks, GB": 2 * 20 + 3 * 50,
        "their detailed monitoring": 2,
    }


def test_aurora_costs_its_least_capacity_for_each_instance():
    cluster = {"ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5}, "ManageMasterUserPassword": True}
    found = units(assembly(Cluster=("RDS::DBCluster", cluster), A=("RDS::DBInstance", {}), B=("RDS::DBInstance", {})))
    assert found == {"Aurora's capacity units, at the least": 1.0, "secrets": 1}


def test_a_load_balancer_has_a_public_address_in_each_of_its_zones():
    balancer = {"Subnets": ["a", "b"], "Scheme": "internet-facing", "IpAddressType": "dualstack"}
    found = units(assembly(Balancer=("ElasticLoadBalancingV2::LoadBalancer", balancer), Own=("EC2::EIP", {})))
    assert found == {"load balancer": 1, "public IPv4 addresses": 3}


def test_a_size_is_a_column_and_its_sum_is_that_of_its_items():
    one, two = assembly(A=("EC2::NatGateway", {})), assembly(A=("EC2::NatGateway", {}), B=("EC2::NatGateway", {}))
    lines = table_of_sizes({"one": one, "two": two}).splitlines()
    month = prices.NAT_GATEWAY * prices.HOURS
    assert f"| NAT gateways | {month:.2f} | 1 → {month:.0f} | 2 → {2 * month:.0f} |" in lines
    assert lines[-1] == f"| **a month, US dollars** |  | **{month:.0f}** | **{2 * month:.0f}** |"


def test_a_machine_without_a_price_is_named():
    with pytest.raises(UnpricedError, match=r"no price of x9\.huge; add it to cdk/voice_cdk/documenting/prices\.py"):
        list(items(assembly(One=host("x9.huge"))))
