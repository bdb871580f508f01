"""Hosts, as the stacks have them: what each may do, and who may talk to it."""

import json
import re

import pytest

from tests.integration.cdk.policies import actions, statements
from tests.integration.cdk.synthesised import CHECKOUT, Assembly, Resource, refers

SIP_PORTS = {("udp", 5060, 5060), ("udp", 5062, 5062), ("tcp", 5060, 5061), ("udp", 20000, 29998)}


def group(platform: Assembly, stack: str) -> Resource:
    """The security group of what a stack is for."""
    (found,) = [
        each for name, each in platform.of_type("EC2::SecurityGroup", stack).items() if "Management" not in name
    ]
    return found


def ports(rules: list[Resource]) -> set[tuple[str, int, int]]:
    return {(rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) for rule in rules}


# --- security groups


def test_ec2_takes_the_descriptions_of_groups_and_rules(platform: Assembly):
    """It takes no apostrophe; CloudFormation's validator looks at groups' alone."""
    allowed = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}")
    for name, properties in platform.of_type("EC2::SecurityGroup").items():
        rules = [*properties.get("SecurityGroupIngress", []), *properties["SecurityGroupEgress"]]
        assert all(allowed.fullmatch(rule["Description"]) for rule in rules), name
        assert allowed.fullmatch(properties["GroupDescription"]), name
    for kind in ("Ingress", "Egress"):
        for name, rule in platform.of_type(f"EC2::SecurityGroup{kind}").items():
            assert allowed.fullmatch(rule["Description"]), name


def test_nobody_may_be_reached_from_everywhere(platform: Assembly):
    for name, properties in platform.of_type("EC2::SecurityGroup").items():
        for rule in properties.get("SecurityGroupIngress", []):
            assert rule.get("CidrIp") != "0.0.0.0/0", name
            assert rule.get("CidrIpv6") != "::/0", name


@pytest.mark.parametrize(
    ("client", "family", "prefix"),
    [
        ("acme", "CidrIpv6", "2001:db8:ac3e::/48"),
        ("globex", "CidrIpv6", "2001:db8:60be::/48"),
        ("initech", "CidrIp", "192.0.2.128/26"),
    ],
)
def test_a_sip_host_is_called_by_its_clients_telephony_alone(platform: Assembly, client: str, family: str, prefix: str):
    """At the ports of docs/sip-host.md, in the family that it speaks."""
    rules = group(platform, f"SipHost-{client}")["SecurityGroupIngress"]
    assert ports(rules) == SIP_PORTS
    assert {rule.get(family) for rule in rules} == {prefix}


def documented(outwards: bool) -> set[tuple[str, int]]:
    """Ports of the table in docs/sip-host.md: those at which a SIP host is called, or those at which it calls."""
    section = (CHECKOUT / "docs" / "sip-host.md").read_text().partition("\n## Ports\n")[2].partition("\n## ")[0]
    found = set()
    for row in re.findall(r"^\| ((?:UDP|TCP) \d.*?) \|", section, re.MULTILINE):
        if row.endswith(" outwards") == outwards:
            for protocol, numbers in re.findall(r"(UDP|TCP) ([\d–, ]+)", row):
                for first, _, last in (each.strip().partition("–") for each in numbers.split(",") if each.strip()):
                    found |= {(protocol.lower(), port) for port in range(int(first), int(last or first) + 1)}
    return found


def test_a_sip_host_is_called_at_the_ports_that_the_documentation_names(platform: Assembly):
    rules = group(platform, "SipHost-acme")["SecurityGroupIngress"]
    opened = {(kind, port) for kind, first, last in ports(rules) for port in range(first, last + 1)}
    assert opened == documented(outwards=False)


def test_a_sip_host_calls_what_the_documentation_names_and_its_client(platform: Assembly):
    """Time is asked of a link-local address, at which security groups do not look."""
    rules = group(platform, "SipHost-acme")["SecurityGroupEgress"]
    elsewhere = [rule for rule in rules if rule.get("CidrIpv6") != "2001:db8:ac3e::/48"]
    assert {(kind, first) for kind, first, _ in ports(elsewhere)} == documented(outwards=True) - {("udp", 123)}
    to_client = [rule for rule in rules if rule not in elsewhere]
    assert ports(to_client) == {("tcp", 5060, 5061), ("udp", 1024, 65535)}


@pytest.mark.parametrize("stack", ["Nat64", "SipHost-acme", "StrongSwan-acme", "Grafana"])
def test_a_machines_first_interface_reaches_aws_and_is_reached_by_nobody(platform: Assembly, stack: str):
    groups = platform.of_type("EC2::SecurityGroup", stack)
    management = [each for name, each in groups.items() if "Management" in name]
    assert len(management) == len(platform.of_type("EC2::LaunchTemplate", stack))
    for each in management:
        assert "SecurityGroupIngress" not in each
        assert ports(each["SecurityGroupEgress"]) == {("tcp", 443, 443)}


def test_what_passes_the_tunnel_passes_its_host_both_ways(platform: Assembly):
    own = group(platform, "StrongSwan-acme")
    from_gateway = [rule for rule in own["SecurityGroupIngress"] if rule.get("CidrIp") == "203.0.113.7/32"]
    assert ports(from_gateway) == {("udp", 500, 500), ("udp", 4500, 4500)}
    assert ports([rule for rule in own["SecurityGroupEgress"] if rule.get("CidrIp")]) == ports(from_gateway)
    to_host = [rule for rule in own["SecurityGroupEgress"] if rule.get("CidrIpv6") not in (None, "::/0")]
    assert ports(to_host) == SIP_PORTS


def test_the_database_is_asked_by_nat64_hosts_alone(platform: Assembly):
    assert "SecurityGroupIngress" not in group(platform, "Data")
    rules = platform.of_type("EC2::SecurityGroupIngress").values()
    (to_database,) = [rule for rule in rules if refers(rule["GroupId"], "Data")]
    assert ports([to_database]) == {("tcp", 3306, 3306)}
    assert "SourceSecurityGroupId" in to_database


def test_nat64_hosts_are_asked_by_pods_grafana_every_sip_host_and_each_other(platform: Assembly):
    own = group(platform, "Nat64")["SecurityGroupIngress"]
    assert [rule["Description"] for rule in own] == ["MySQL from AppsA", "MySQL from AppsB", "MySQL from HostsA"]
    for client in ("acme", "globex", "initech"):
        (rule,) = platform.of_type("EC2::SecurityGroupIngress", f"Client-{client}").values()
        assert ports([rule]) == {("tcp", 3306, 3306)}
        assert refers(rule["GroupId"], "Nat64")


def test_grafana_is_reached_from_the_cluster_alone(platform: Assembly):
    assert "SecurityGroupIngress" not in group(platform, "Grafana")
    rules = platform.of_type("EC2::SecurityGroupIngress").values()
    (rule,) = [rule for rule in rules if refers(rule["GroupId"], "Grafana")]
    assert ports([rule]) == {("tcp", 3000, 3000)}
    assert refers(rule["SourceSecurityGroupId"], "ClusterSecurityGroupId")


def test_the_portal_is_reached_from_where_the_configuration_says(platform: Assembly):
    rules = group(platform, "Portal")["SecurityGroupIngress"]
    assert {rule.get("CidrIp") or rule.get("CidrIpv6") for rule in rules} == {"198.51.100.0/24", "2001:db8:ff1::/48"}
    assert ports(rules) == {("tcp", 443, 443), ("tcp", 80, 80)}


# --- hosts


@pytest.mark.parametrize(
    ("stack", "number"),
    [("Nat64", "::10"), ("StrongSwan-acme", "::11"), ("SipHost-acme", "::12"), ("Grafana", "::13")],
)
def test_a_host_has_a_fixed_address(platform: Assembly, stack: str, number: str):
    interfaces = platform.of_type("EC2::NetworkInterface", stack)
    assert interfaces
    for interface in interfaces.values():
        ((address),) = interface["Ipv6Addresses"]
        assert address["Ipv6Address"]["Fn::Join"][1][1] == number


def test_only_what_forwards_may_have_others_addresses_in_its_packets(platform: Assembly):
    unchecked = {
        name.partition("/")[0]
        for name, interface in platform.of_type("EC2::NetworkInterface").items()
        if interface.get("SourceDestCheck") is False
    }
    assert unchecked == {"Nat64", "StrongSwan-acme", "StrongSwan-initech"}


def test_each_zone_is_translated_by_its_own_host_and_a_host_asks_by_its_neighbour(platform: Assembly):
    routes = platform.of_type("EC2::Route", "Nat64")
    by = {name.removeprefix("Nat64/"): route["NetworkInterfaceId"]["Ref"][:5] for name, route in routes.items()}
    assert by == {
        "Nat64FromAttachmentA": "HostA",
        "Nat64FromAttachmentB": "HostB",
        "Nat64FromNat64A": "HostB",
        "Nat64FromNat64B": "HostA",
    }


def test_hosts_may_touch_what_is_theirs_and_nothing_else(platform: Assembly):
    for stack in ("Nat64", "SipHost-acme", "StrongSwan-acme", "Grafana"):
        for statement in statements(platform, stack):
            if statement["Resource"] == "*":
                assert all(action.startswith(("ssm:Update", "ssmmessages:")) for action in actions(statement)), stack
            elif refers(statement["Resource"], ":instance/*"):
                assert "aws:ResourceTag/host" in statement["Condition"]["StringEquals"], stack
    read = [each for each in statements(platform, "SipHost-acme") if "secretsmanager:GetSecretValue" in actions(each)]
    assert not refers(read, "Owner")
    assert refers(read, "secret:voice/sip/acme/*")


def test_a_machine_is_told_which_interface_is_its_own(platform: Assembly):
    """By cloud-init, in a file that shells and systemd read; without IPv4, SDKs have to be told how to reach AWS."""
    templates = platform.of_type("EC2::LaunchTemplate", "SipHost-acme", "StrongSwan-acme", "Grafana").values()
    assert len(templates) == 3
    for template in templates:
        data = json.dumps(template["LaunchTemplateData"]["UserData"]["Fn::Base64"])
        assert "#cloud-config" in data
        assert "VOICE_INTERFACE='" in data
        assert "HostInterface" in data
        assert "AWS_USE_DUALSTACK_ENDPOINT='true'" in data


def test_a_new_machine_waits_until_the_old_one_has_let_go_of_its_interface(platform: Assembly):
    for resource in platform.whole("AutoScaling::AutoScalingGroup").values():
        assert (resource["Properties"]["MinSize"], resource["Properties"]["MaxSize"]) == ("1", "1")
        assert resource["UpdatePolicy"]["AutoScalingRollingUpdate"]["MinInstancesInService"] == 0


def test_the_spool_stays_whatever_becomes_of_the_host(platform: Assembly):
    (volume,) = platform.whole("EC2::Volume", "SipHost-acme").values()
    assert volume["DeletionPolicy"] == volume["UpdateReplacePolicy"] == "Retain"


def test_the_hosts_of_the_tunnel_are_reached_by_routes_to_its_interface(platform: Assembly):
    for client, prefix in (("acme", "2001:db8:ac3e::/48"), ("initech", "192.0.2.128/26")):
        (route,) = platform.of_type("EC2::Route", f"StrongSwan-{client}").values()
        assert prefix in (route.get("DestinationIpv6CidrBlock"), route.get("DestinationCidrBlock"))
        assert "NetworkInterfaceId" in route
    assert "StrongSwan-globex" not in platform.stacks


# --- deployment


def test_a_host_that_does_not_say_that_it_works_fails_its_deployment(platform: Assembly):
    """When it is made, and when it is replaced."""
    groups = platform.whole("AutoScaling::AutoScalingGroup")
    assert len(groups) == 8
    for name, resource in groups.items():
        assert resource["CreationPolicy"] == {"ResourceSignal": {"Count": 1, "Timeout": "PT15M"}}, name
        update = resource["UpdatePolicy"]["AutoScalingRollingUpdate"]
        assert (update["WaitOnResourceSignals"], update["PauseTime"]) == (True, "PT15M"), name


def test_a_host_knows_what_to_signal_and_may_signal_nothing_else(platform: Assembly):
    for name in platform.whole("AutoScaling::AutoScalingGroup"):
        stack, _, logical_id = name.partition("/")
        data = [each["LaunchTemplateData"] for each in platform.of_type("EC2::LaunchTemplate", stack).values()]
        assert any(refers(each["UserData"], f"VOICE_SIGNAL='{logical_id}'") for each in data), name
        assert all(refers(each["UserData"], f"VOICE_STACK='voice-{stack}'") for each in data), name
        allowed = [each for each in statements(platform, stack) if "cloudformation:SignalResource" in actions(each)]
        assert allowed, name
        assert all(each["Resource"] == {"Ref": "AWS::StackId"} for each in allowed), name


def test_nobody_takes_a_fixed_address_off_its_interface(platform: Assembly):
    assert all(each["EnablePrimaryIpv6"] for each in platform.of_type("EC2::NetworkInterface").values())


def test_a_sip_host_is_told_the_address_that_its_client_calls(platform: Assembly):
    """By IPv6 that is its fixed one, by IPv4 in a tunnel its private one."""
    (acme,) = platform.of_type("EC2::LaunchTemplate", "SipHost-acme").values()
    lines = acme["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Join"][1]
    assert refers(lines, "VOICE_SIP_ADDRESS=")
    (initech,) = platform.of_type("EC2::LaunchTemplate", "SipHost-initech").values()
    assert refers(initech["LaunchTemplateData"]["UserData"], "VOICE_SIP_ADDRESS='10.32.64.12'")


# --- what a client's side is told


def told(platform: Assembly, client: str) -> object:
    """The output that says what the client's telephony has to call."""
    return platform.stacks[f"SipHost-{client}"]["Outputs"]["SipAddress"]["Value"]


def test_a_clients_telephony_is_told_the_address_that_the_host_says_it_has(platforms: dict[str, Assembly]):
    """By IPv6 its fixed one, through a tunnel by IPv4 its private one, by the internet's IPv4 the one that stays."""
    assert refers(told(platforms["three"], "acme"), "::12")
    assert told(platforms["three"], "initech") == "10.32.64.12"
    assert refers(told(platforms["trunks"], "hooli"), "Address")
    for name in ("three", "trunks"):
        for stack, template in platforms[name].stacks.items():
            if stack.startswith("SipHost-"):
                facts = json.dumps(template["Resources"])
                assert json.dumps(template["Outputs"]["SipAddress"]["Value"])[1:-1] in facts, stack
