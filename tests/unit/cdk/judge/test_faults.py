"""Each kind of fault: the reference platform with one thing changed, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.cdk.judge.builder import block6, get, ref, subnet6
from tests.unit.cdk.judge.reference import NAT64, NETWORK, TRANSLATION, platform
from voice_cdk.judge.check import judge
from voice_cdk.judge.templates import from_templates

Templates = dict[str, Any]
Change = Callable[[Templates], object]


def resources(templates: Templates, stack: str) -> Any:
    return templates[stack]["Resources"]


def remove(stack: str, name: str) -> Change:
    return lambda templates: resources(templates, stack).pop(name)


def put(stack: str, name: str, **properties: Any) -> Change:
    return lambda templates: resources(templates, stack)[name]["Properties"].update(properties)


def drop(stack: str, name: str, *properties: str) -> Change:
    return lambda templates: [resources(templates, stack)[name]["Properties"].pop(one) for one in properties]


def add(stack: str, name: str, kind: str, **properties: Any) -> Change:
    resource = {"Type": f"AWS::{kind}", "Properties": properties}
    return lambda templates: resources(templates, stack).update({name: resource})


def unwait(stack: str, name: str) -> Change:
    return lambda templates: resources(templates, stack)[name].pop("DependsOn")


def item(stack: str, name: str, listed: str, number: int) -> Change:
    return lambda templates: resources(templates, stack)[name]["Properties"][listed].pop(number)


def route4(templates: Templates) -> None:
    properties = {"RouteTableId": ref("AAppsATable"), "DestinationCidrBlock": "10.20.0.0/16"}
    add(NETWORK, "Four", "EC2::Route", **properties, TransitGatewayId=ref("Tgw"))(templates)


def to_other_client(templates: Templates) -> None:
    globex = templates["Globex"]
    globex["Outputs"]["Att"] = {"Value": ref("GlobexAtt"), "Export": {"Name": "att"}}
    globex["Outputs"]["Six"] = {"Value": block6("Globex"), "Export": {"Name": "six"}}
    add("Acme", "Over", "EC2::TransitGatewayRoute", DestinationCidrBlock={"Fn::ImportValue": "six"},
        TransitGatewayAttachmentId={"Fn::ImportValue": "att"},
        TransitGatewayRouteTableId=templates["Acme"]["Resources"]["AcmeAttIn"]["Properties"][
            "TransitGatewayRouteTableId"])(templates)  # fmt: skip


CASES: list[tuple[str, Change, str]] = [
    ("a route to the database", remove(NETWORK, "AAppsAToDatabase"), "pods Cluster/Nodes -> database Data/Db tcp/3306"),
    ("DNS64 off", put("Acme", "AcmeHostsA", EnableDns64=False), "DNS64 is off where SIP host Acme/AcmeSip stands"),
    ("the way back", remove(NETWORK, "ABackA"), "answers end at the internet, not at pods Cluster/Nodes"),
    ("the transit gateway's way back", remove("Globex", "GlobexBack"), "asymmetric: SIP host Globex/GlobexSip"),
    ("a zone of the attachment", item(NETWORK, "AAtt", "SubnetIds", 1), "has no subnet in eu-west-1b"),
    ("attachment without IPv6", put(NETWORK, "BAtt", Options={"Ipv6Support": "disable"}), "Ipv6Support is disable"),
    ("source check", put(TRANSLATION, "EniA", SourceDestCheck=True), "its source/destination check is on"),
    ("a port", item("Acme", "AcmeSipGroup", "SecurityGroupIngress", 2), "udp/20000-29998 ipv6 eu-west-1a: the"),
    ("a route beside the tunnel", remove("Acme", "AcmeHostsAToSite"), "leak: SIP host Acme/AcmeSip"),
    ("IPv4 to the transit gateway", route4, "ipv4: a route of a VPC leads 10.20.0.0/16 to the transit gateway"),
    ("one client to another", to_other_client, "it must never"),
    ("a shared table", put("Acme", "AcmeAttIn", TransitGatewayRouteTableId={"Fn::ImportValue": "x"}), "ImportValue x"),
    ("all of DNS64", remove(NETWORK, "AAppsBToTranslated"), "dns64: pods Cluster/Nodes -> internet"),
    ("a race for IPv6", unwait(NETWORK, "AEdgeA"), "needs the IPv6 block of Network/A, and does not wait for"),
    ("a race for the attachment", unwait(NETWORK, "AAppsAToDatabase"), "leads to a transit gateway"),
    ("a race of nodes", unwait("Cluster", "Nodes"), "does not wait for the add-on vpc-cni"),
    ("a race for a policy", unwait(TRANSLATION, "AsgA"), "starts with the role Nat64/RoleA"),
    ("one block for two subnets", put(NETWORK, "AAppsA", Ipv6CidrBlock=subnet6("A", 17)), "one block can't be two"),
    ("a subnet outside", put(NETWORK, "AAppsA", CidrBlock="10.99.0.0/24"), "lies outside of its VPC's 10.10.0.0/16"),
    ("a route with two targets", put(NETWORK, "AAppsAToOut", NatGatewayId=ref("AEdgeANat")), "this one has 2"),
    ("a second route", add(NETWORK, "R", "EC2::Route", RouteTableId=ref("AAppsATable"),
     DestinationIpv6CidrBlock="::/0", EgressOnlyInternetGatewayId=ref("AEigw")), "a second route to ::/0"),
    ("a reference to nothing", put(NETWORK, "AAppsAToOut", RouteTableId=ref("Nobody")), "Ref Nobody: the template has"),
    ("a reference to another kind", put(NETWORK, "AAppsAToOut", RouteTableId=ref("AAppsA")), "a RouteTable is wanted"),
    ("plain user data", put("Shared", "Grafana", UserData="#!/bin/sh\n: hello"), "is not in Base64"),
    ("long user data", put("Shared", "Grafana", UserData={"Fn::Base64": "#!/bin/sh\n" + "x" * 16375}),
     "16385 octets; EC2 takes 16384"),
    ("a route that serves nobody", add(NETWORK, "R", "EC2::Route", RouteTableId=ref("BTgwATable"),
     DestinationIpv6CidrBlock="::/0", EgressOnlyInternetGatewayId=ref("BEigw")), "the egress-only internet gateway"),
    ("a rule that serves nobody", add("Data", "R", "EC2::SecurityGroupIngress", GroupId=get("DbGroup", "GroupId"),
     IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="10.20.0.0/16"), "(in from 10.20.0.0/16 tcp/22) serves nobody"),
    ("everybody at Grafana", add("Shared", "R", "EC2::SecurityGroupIngress", GroupId=get("GrafanaGroup", "GroupId"),
     IpProtocol="-1", CidrIpv6="::/0"), "open: EKS control plane Cluster/Eks -> Grafana host Shared/Grafana"),
    ("one NAT64 host's rights", remove(TRANSLATION, "PolicyA"), "no other NAT64 host may move this route"),
    ("a database without reader", remove("Data", "Reader"), "a writer and a reader in another zone are wanted"),
    ("an address not fixed", drop("Shared", "Grafana", "Ipv6Addresses"), "its IPv6 address is not fixed"),
    ("the gateway's port", item("Acme", "SwanGroup", "SecurityGroupIngress", 0), "client's gateway 198.51.100.7/32 ->"),
    ("the portal's way in", remove(NETWORK, "AEdgeAToIgw1"), "browser in ::/0 -> load balancer Cluster/Alb"),
    ("half of the prefix", put(TRANSLATION, "PrefixA", DestinationIpv6CidrBlock="64:ff9b::a14:0/113"), "should go"),
    ("flow logs", remove(NETWORK, "BLog"), "no flow log"),
    ("no TLS", put("Data", "DbParameters", Parameters={}), "does not set require_secure_transport to ON"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_change_is_told(change: Change, words: str) -> None:
    templates = platform().templates()
    change(templates)
    told = [str(fault) for fault in judge(from_templates(templates))]
    assert any(words in line for line in told), "\n".join(told)


def test_the_reference_is_right() -> None:
    assert judge(from_templates(platform().templates())) == []


def test_with_a_nat64_host_gone_the_other_one_serves() -> None:
    templates = platform().templates()
    for name in list(resources(templates, TRANSLATION)):
        if name.endswith("B"):
            del resources(templates, TRANSLATION)[name]
    told = [str(fault) for fault in judge(from_templates(templates))]
    assert any("is the only NAT64 host" in line for line in told)
    assert any(NAT64 in line for line in told)
