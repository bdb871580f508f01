"""What the stacks say, for each choice in the configuration. Whether all of it works together is the judge's to say."""

import json
import subprocess
from typing import Any

import pytest

from tests.integration.cdk.configurations import CONFIGURATIONS
from tests.integration.cdk.synthesised import CHECKOUT, Assembly, refers

ACCESSES = ("nat64", "managed", "native", "own")


def destinations(platform: Assembly, table: str, *stacks: str) -> list[Any]:
    """Where the routes of transit gateway tables with this in their name lead."""
    routes = platform.of_type("EC2::TransitGatewayRoute", *stacks).values()
    return [route["DestinationCidrBlock"] for route in routes if refers(route["TransitGatewayRouteTableId"], table)]


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_judge_finds_nothing_whatever_the_choices(platforms: dict[str, Assembly], name: str):
    """What must flow flows, and nothing else does."""
    command = [CHECKOUT / "cdk" / "check-templates", platforms[name].folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


# --- the network, whatever the choices


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


def test_with_a_prefix_of_ones_own_whoever_asks_the_database_makes_its_address(platforms: dict[str, Assembly]):
    """AWS's resolver does so from the well-known prefix alone: pods ask CoreDNS, hosts are told the prefix."""
    for name, own in (("own", True), ("nat64", False)):
        addons = platforms[name].of_type("EKS::Addon").values()
        (coredns,) = [each for each in addons if each["AddonName"] == "coredns"]
        assert ("ConfigurationValues" in coredns) == own
        for stack in ("SipHost-acme", "Grafana"):
            assert refers(platforms[name].of_type("EC2::LaunchTemplate", stack), "VOICE_DNS64_PREFIX=") == own


def test_coredns_is_told_the_prefix_for_names_of_databases(platforms: dict[str, Assembly]):
    addons = platforms["own"].of_type("EKS::Addon").values()
    (settings,) = [each["ConfigurationValues"] for each in addons if each["AddonName"] == "coredns"]
    _, parts = settings["Fn::Join"]
    assert all(isinstance(part, str) or refers(part, "CommunicationsVpc") for part in parts)
    corefile = json.loads("".join(part if isinstance(part, str) else "2001:db8:b:e0::" for part in parts))["corefile"]
    assert "eu-west-1.rds.amazonaws.com:53 {\n    errors\n    dns64 2001:db8:b:e0::/96\n" in corefile
    assert corefile.count("{") == corefile.count("}")


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


def test_without_tunnels_there_is_no_strongswan_host_and_by_ipv6_no_public_address(platforms: dict[str, Assembly]):
    """All public IPv4 addresses are of NAT gateways, and of the SIP host that is called by IPv4."""
    platform = platforms["trunks"]
    assert not [name for name in platform.stacks if name.startswith("StrongSwan")]
    assert platform.of_type("EC2::EIPAssociation", "SipHost-acme", "SipHost-globex") == {}
    (associated,) = platform.of_type("EC2::EIPAssociation", "SipHost-hooli").values()
    assert refers(associated["NetworkInterfaceId"], "HostInterface")


def test_a_sip_host_that_is_called_by_ipv4_has_a_way_to_the_internet_by_it(platforms: dict[str, Assembly]):
    routes = platforms["trunks"].of_type("EC2::Route", "Client-hooli").items()
    hosts = {name: route for name, route in routes if "Hosts" in name}
    by_ipv4 = [route for route in hosts.values() if route.get("DestinationCidrBlock") == "0.0.0.0/0"]
    by_ipv6 = [route for route in hosts.values() if route.get("DestinationIpv6CidrBlock") == "::/0"]
    assert ["GatewayId" in route for route in by_ipv4] == [True]
    # Nobody calls it by that family.
    assert ["EgressOnlyInternetGatewayId" in route for route in by_ipv6] == [True]


def test_it_writes_its_public_address_into_session_descriptions(platforms: dict[str, Assembly]):
    """No NAT does: so the host is told of it, and has it as an address of its own."""
    (address,) = (name.partition("/")[2] for name in platforms["trunks"].of_type("EC2::EIP", "SipHost-hooli"))
    (template,) = platforms["trunks"].of_type("EC2::LaunchTemplate", "SipHost-hooli").values()
    lines = json.dumps(template["LaunchTemplateData"]["UserData"])
    assert f'VOICE_SIP_ADDRESS=\'", {{"Ref": "{address}"}}' in lines


def test_a_client_has_an_edge_only_for_what_stands_there(platforms: dict[str, Assembly]):
    for name, edges in (("trunks", 3), ("native trunks", 0)):
        clients = [stack for stack in platforms[name].stacks if stack.startswith("Client-")]
        assert len(clients) == 3
        subnets = platforms[name].of_type("EC2::Subnet", *clients)
        assert sum("Edge" in subnet for subnet in subnets) == edges


def test_two_clients_may_have_the_same_private_addresses(platforms: dict[str, Assembly]):
    """Each by its own tunnel, and by no other table than those of its own VPC."""
    for client in ("hooli", "initech"):
        (route,) = platforms["alike"].of_type("EC2::Route", f"StrongSwan-{client}").values()
        assert route["DestinationCidrBlock"] == "192.168.0.0/24"
        assert refers(route["RouteTableId"], f"Client-{client}")
    assert not refers(platforms["alike"].of_type("EC2::TransitGatewayRoute"), "192.168")


# --- who is let in, machines


def test_the_clusters_api_is_in_the_internet_for_those_who_are_allowed_there(platforms: dict[str, Assembly]):
    (cluster,) = platforms["open"].of_type("EKS::Cluster").values()
    access = cluster["ResourcesVpcConfig"]
    assert (access["EndpointPublicAccess"], access["EndpointPrivateAccess"]) == (True, True)
    assert access["PublicAccessCidrs"] == ["198.51.100.0/24", "2001:db8:ff1::/48"]


def test_the_portal_may_be_open_to_everybody(platforms: dict[str, Assembly]):
    groups = platforms["open"].of_type("EC2::SecurityGroup", "Portal").values()
    rules = [rule for group in groups for rule in group["SecurityGroupIngress"]]
    assert {(rule.get("CidrIp"), rule.get("CidrIpv6")) for rule in rules} == {("0.0.0.0/0", None), (None, "::/0")}


def test_the_portal_has_a_way_from_ipv6_only_if_somebody_may_come_by_it(platforms: dict[str, Assembly]):
    for name, routes in (("nat64", 2), ("ipv4", 0)):
        edges = [each for key, each in platforms[name].of_type("EC2::Route", "Network").items() if "SharedEdge" in key]
        assert sum("DestinationIpv6CidrBlock" in each for each in edges) == routes


@pytest.mark.parametrize(
    ("name", "image", "nodes"),
    [("nat64", "amd64", "AL2023_x86_64_STANDARD"), ("arm", "arm64", "AL2023_ARM_64_STANDARD")],
)
def test_machines_and_nodes_have_images_of_their_architecture(
    platforms: dict[str, Assembly], name: str, image: str, nodes: str
):
    (group,) = platforms[name].of_type("EKS::Nodegroup").values()
    assert group["AmiType"] == nodes
    hosts = [stack for stack in platforms[name].stacks if stack != "Cluster"]
    templates = platforms[name].of_type("EC2::LaunchTemplate", *hosts).values()
    images = [each["LaunchTemplateData"]["ImageId"] for each in templates]
    assert images
    assert set(images) == {f"{{{{resolve:ssm:/aws/service/debian/release/12/latest/{image}}}}}"}
