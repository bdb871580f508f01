"""What the stacks say, for each choice in the configuration. Whether all of it works together is the judge's to say."""

import json
from typing import Any

import pytest

from tests.integration.cdk.synthesised import EXAMPLE, Assembly, synthesise

pytestmark = pytest.mark.timeout(900)
"""Whoever comes first waits for the environment of AWS CDK to be installed."""

TEXT = EXAMPLE.read_text()
BY_IPV4 = """
initech = { connection = "tunnel", gateway = "203.0.113.9", vpc = "10.32.0.0/16", sip_family = "ipv4", prefixes = [
  "192.0.2.128/26"] }
"""
CONFIGURATIONS = {
    "nat64": TEXT,
    "managed": TEXT.replace('db_access = "nat64"', 'db_access = "managed"'),
    "native": TEXT.replace('db_access = "nat64"', 'db_access = "native"'),
    "own": TEXT.replace('nat64_prefix = "well-known"', 'nat64_prefix = "own"'),
    "three": TEXT + BY_IPV4,
    "zones": TEXT.replace('"eu-west-1b"]', '"eu-west-1b", "eu-west-1c"]'),
}
ACCESSES = ("nat64", "managed", "native", "own")


@pytest.fixture(scope="module")
def platforms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Assembly]:
    return synthesise(CONFIGURATIONS, tmp_path_factory.mktemp("platforms"))


def refers(value: Any, name: str) -> bool:
    """Whether a property says anything of the resource or export with this in its name."""
    return name in json.dumps(value)


def destinations(platform: Assembly, table: str, *stacks: str) -> list[Any]:
    """Where the routes of transit gateway tables with this in their name lead."""
    routes = platform.of_type("EC2::TransitGatewayRoute", *stacks).values()
    return [route["DestinationCidrBlock"] for route in routes if refers(route["TransitGatewayRouteTableId"], table)]


# --- the network, whatever the choices


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_whatever_needs_a_vpcs_ipv6_prefix_waits_for_it(platforms: dict[str, Assembly], name: str):
    """CloudFormation doesn't see it: the attribute is of the VPC, and there before the prefix is."""
    for template in platforms[name].stacks.values():
        blocks = {
            resource["Properties"]["VpcId"]["Ref"]: block
            for block, resource in template["Resources"].items()
            if resource["Type"] == "AWS::EC2::VPCCidrBlock"
        }
        for logical_id, resource in template["Resources"].items():
            for vpc, block in blocks.items():
                if refers(resource["Properties"], f'["{vpc}", "Ipv6CidrBlocks"]'):
                    assert block in resource["DependsOn"], logical_id


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_route_by_the_transit_gateway_waits_for_the_attachment_of_its_vpc(platforms: dict[str, Assembly], name: str):
    for stack, template in platforms[name].stacks.items():
        attachments = {
            logical_id
            for logical_id, resource in template["Resources"].items()
            if resource["Type"] == "AWS::EC2::TransitGatewayAttachment"
        }
        for resource in template["Resources"].values():
            by_transit = resource["Type"] == "AWS::EC2::Route" and "TransitGatewayId" in resource["Properties"]
            # The tables of another stack are of VPCs that it has attached.
            if by_transit and not refers(resource["Properties"]["RouteTableId"], "ImportValue"):
                assert attachments & set(resource["DependsOn"]), stack


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_transit_gateway_has_routes_of_ipv6_only(platforms: dict[str, Assembly], name: str):
    platform = platforms[name]
    for route in platform.of_type("EC2::TransitGatewayRoute").values():
        cidr = route["DestinationCidrBlock"]
        assert ":" in cidr if isinstance(cidr, str) else refers(cidr, "Ipv6CidrBlocks")
    for route in platform.of_type("EC2::Route").values():
        assert not {"DestinationCidrBlock", "TransitGatewayId"} <= set(route)
    assert platform.of_type("EC2::TransitGatewayRouteTablePropagation") == {}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_default_security_groups_are_closed_without_code_of_ours(platforms: dict[str, Assembly], name: str):
    platform = platforms[name]
    vpcs = platform.of_type("EC2::VPC")
    associations = platform.of_type("SSM::Association").values()
    assert len(associations) == len(vpcs)
    assert all(refers(each["Parameters"]["GroupId"], "DefaultSecurityGroup") for each in associations)
    assert platform.of_type("Lambda::Function") == {}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_all_traffic_is_logged(platforms: dict[str, Assembly], name: str):
    platform = platforms[name]
    logged = [log["ResourceType"] for log in platform.of_type("EC2::FlowLog").values()]
    assert logged.count("VPC") == len(platform.of_type("EC2::VPC"))
    assert logged.count("TransitGateway") == 1
    assert all("KmsKeyId" in group for group in platform.of_type("Logs::LogGroup").values())


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_where_names_are_translated_all_of_what_they_become_is_routed(platforms: dict[str, Assembly], name: str):
    """Else a name that has IPv4 only becomes an address that leads nowhere."""
    platform = platforms[name]
    tables = {
        json.dumps(each["SubnetId"]): each["RouteTableId"]
        for each in platform.of_type("EC2::SubnetRouteTableAssociation").values()
    }
    for subnet, properties in platform.of_type("EC2::Subnet").items():
        stack, _, logical_id = subnet.partition("/")
        table = tables.get(json.dumps({"Ref": logical_id}))
        routed = [
            route["DestinationIpv6CidrBlock"]
            for route in platform.of_type("EC2::Route", stack).values()
            if route["RouteTableId"] == table and "NatGatewayId" in route and "DestinationIpv6CidrBlock" in route
        ]
        assert routed == (["64:ff9b::/96"] if properties.get("EnableDns64") else []) or "Attachment" in subnet


# --- how the database is reached


@pytest.mark.parametrize("name", ACCESSES)
@pytest.mark.parametrize("table", ["Shared", "Clients"])
def test_from_a_and_from_clients_the_transit_gateway_leads_to_the_database_and_nowhere_else(
    platforms: dict[str, Assembly], name: str, table: str
):
    found = destinations(platforms[name], f"Transit{table}")
    if name in ("nat64", "managed"):
        assert found == ["64:ff9b::a14:0/112"]
    else:
        numbers = [cidr["Fn::Select"][0] for cidr in found]
        assert numbers == ([32, 33] if name == "native" else [224])
        assert all(refers(cidr, "CommunicationsVpc") for cidr in found)


@pytest.mark.parametrize("name", ACCESSES)
def test_from_b_it_leads_back_to_a_and_to_each_client(platforms: dict[str, Assembly], name: str):
    for stack in ("Network", "Client-acme", "Client-globex"):
        assert len(destinations(platforms[name], "TransitCommunications", stack)) == 1


def test_the_database_has_ipv4_only_unless_it_is_native(platforms: dict[str, Assembly]):
    for name in ACCESSES:
        subnets = platforms[name].of_type("EC2::Subnet", "Network")
        database = [each for logical_id, each in subnets.items() if "Database" in logical_id]
        assert len(database) == 2
        assert all(("Ipv6CidrBlock" in each) == (name == "native") for each in database)


def test_managed_translators_are_in_each_zone_and_have_no_way_to_the_internet(platforms: dict[str, Assembly]):
    gateways = platforms["managed"].of_type("EC2::NatGateway", "Network")
    private = [each for each in gateways.values() if each.get("ConnectivityType") == "private"]
    assert len(private) == 2
    egress_only = platforms["managed"].of_type("EC2::EgressOnlyInternetGateway", "Network")
    assert [logical_id for logical_id in egress_only if "Communications" in logical_id] == []


def test_natively_nothing_is_translated(platforms: dict[str, Assembly]):
    assert not refers(platforms["native"].stacks, "64:ff9b")
    assert not refers(platforms["native"].stacks, "EnableDns64")


def test_with_a_prefix_of_ones_own_no_route_is_uncertain(platforms: dict[str, Assembly]):
    """Some of 64:ff9b::/96 in a transit gateway is what AWS may refuse; AWS's DNS64 writes nothing else."""
    assert not refers(platforms["own"].stacks, "64:ff9b")
    assert not refers(platforms["own"].stacks, "EnableDns64")


# --- clients, zones


def test_a_client_more_is_stacks_more_and_changes_no_other(platforms: dict[str, Assembly]):
    before, after = platforms["nat64"].stacks, platforms["three"].stacks
    assert set(after) - set(before) == {"Client-initech", "SipHost-initech", "StrongSwan-initech"}
    assert {name: after[name] for name in before} == before


def test_a_zone_more_changes_no_subnet(platforms: dict[str, Assembly]):
    before, after = platforms["nat64"].of_type("EC2::Subnet"), platforms["zones"].of_type("EC2::Subnet")
    assert len(after) > len(before)
    assert {name: after[name] for name in before} == before


def test_hosts_have_ipv4_only_where_the_clients_telephony_has_no_ipv6(platforms: dict[str, Assembly]):
    """It stays in the client's VPC and its tunnel."""
    for client, with_ipv4 in (("acme", False), ("globex", False), ("initech", True)):
        subnets = platforms["three"].of_type("EC2::Subnet", f"Client-{client}")
        (hosts,) = [each for name, each in subnets.items() if "Hosts" in name]
        assert ("CidrBlock" in hosts) == with_ipv4


def test_only_a_client_that_calls_over_the_internet_is_let_in_from_there(platforms: dict[str, Assembly]):
    for client, trunk in (("acme", False), ("globex", True)):
        routes = platforms["nat64"].of_type("EC2::Route", f"Client-{client}").values()
        everywhere = [route for route in routes if route.get("DestinationIpv6CidrBlock") == "::/0"]
        assert [("GatewayId" in route) for route in everywhere] == ([True] if trunk else [False, False])
