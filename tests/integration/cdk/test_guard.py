"""What no template gets by: our Guard rules, and AWS's rules but for what has a reason, at every synthesis."""

import json
import re
import subprocess
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.integration.cdk.proved import Change, change, new_findings
from tests.integration.cdk.synthesised import CHECKOUT, EXAMPLE, Assembly, python

RULES = CHECKOUT / "cdk" / "voice_cdk" / "stacks" / "rules.guard"
TOOL = "guard rules"
MACHINE = "LaunchTemplateData"
BROKEN: tuple[tuple[str, str, str, Any], ...] = (
    ("TRANSIT_GATEWAY_HAS_NO_DEFAULT_TABLE", "EC2::TransitGateway", "DefaultRouteTableAssociation", "enable"),
    ("TRANSIT_GATEWAY_HAS_NO_DEFAULT_TABLE", "EC2::TransitGateway", "DefaultRouteTablePropagation", None),
    ("NOBODY_ELSE_ATTACHES_A_VPC", "EC2::TransitGateway", "AutoAcceptSharedAttachments", "enable"),
    ("TRANSIT_GATEWAY_ROUTES_LEAD_SOMEWHERE", "EC2::TransitGatewayRoute", "TransitGatewayAttachmentId", None),
    ("TRANSIT_GATEWAY_CARRIES_NO_IPV4", "EC2::TransitGatewayRoute", "DestinationCidrBlock", "10.0.0.0/8"),
    ("ATTACHMENTS_CARRY_IPV6", "EC2::TransitGatewayAttachment", "Options.Ipv6Support", "disable"),
    ("ATTACHMENTS_CARRY_IPV6", "EC2::TransitGatewayAttachment", "Options", None),
    ("NAMES_ARE_FOUND_IN_VPCS", "EC2::VPC", "EnableDnsSupport", False),
    ("NAMES_ARE_FOUND_IN_VPCS", "EC2::VPC", "EnableDnsHostnames", None),
    ("NOBODY_GETS_A_PUBLIC_ADDRESS_UNASKED", "EC2::Subnet", "+MapPublicIpOnLaunch", True),
    ("EVERYBODY_GETS_AN_IPV6_ADDRESS", "EC2::Subnet", "AssignIpv6AddressOnCreation", False),
    ("IPV6_ONLY_MEANS_SO", "EC2::Subnet", "PrivateDnsNameOptionsOnLaunch.HostnameType", "ip-name"),
    ("FLOW_LOGS_SEE_EVERYTHING", "EC2::FlowLog", "TrafficType", "REJECT"),
    ("NOT_EVERYTHING_IS_LET_IN", "EC2::SecurityGroupIngress", "IpProtocol", "-1"),
    ("NOT_EVERYTHING_IS_LET_IN", "EC2::SecurityGroup", "SecurityGroupIngress.0.IpProtocol", "-1"),
    ("EVERYBODY_MAY_REACH_THE_PORTAL_ALONE", "EC2::SecurityGroupIngress", "CidrIpv6", "::/0"),
    ("DATABASE_IS_KEPT", "RDS::DBCluster", "DeletionProtection", False),
    ("DATABASE_IS_ENCRYPTED", "RDS::DBCluster", "StorageEncrypted", False),
    ("DATABASE_KEEPS_ITS_PASSWORD", "RDS::DBCluster", "ManageMasterUserPassword", None),
    ("DATABASE_HAS_A_FAMILY_THAT_AURORA_HAS", "RDS::DBCluster", "+NetworkType", "IPV6"),
    ("DATABASE_WANTS_TLS", "RDS::DBClusterParameterGroup", "Parameters.require_secure_transport", "OFF"),
    ("DATABASE_IS_NOT_PUBLIC", "RDS::DBInstance", "PubliclyAccessible", True),
    ("METADATA_BY_TOKEN", "EC2::LaunchTemplate", f"{MACHINE}.MetadataOptions.HttpTokens", "optional"),
    ("METADATA_FOR_THE_HOST_ALONE", "EC2::LaunchTemplate", f"{MACHINE}.MetadataOptions.HttpPutResponseHopLimit", 2),
    ("METADATA_BY_IPV6", "EC2::LaunchTemplate", f"{MACHINE}.MetadataOptions.HttpProtocolIpv6", "disabled"),
    ("DISKS_ARE_ENCRYPTED", "EC2::LaunchTemplate", f"{MACHINE}.BlockDeviceMappings.0.Ebs.Encrypted", False),
    ("VOLUMES_ARE_ENCRYPTED", "EC2::Volume", "Encrypted", None),
    ("USER_DATA_IS_IN_BASE64", "EC2::LaunchTemplate", f"{MACHINE}.UserData", "#cloud-config"),
    ("CLUSTER_HAS_IPV6", "EKS::Cluster", "KubernetesNetworkConfig.IpFamily", "ipv4"),
    ("CLUSTER_IS_PRIVATE", "EKS::Cluster", "ResourcesVpcConfig.EndpointPrivateAccess", False),
    ("CLUSTER_SAYS_WHETHER_IT_IS_PUBLIC", "EKS::Cluster", "ResourcesVpcConfig.EndpointPublicAccess", None),
    ("PUBLIC_API_FOR_NAMED_NETWORKS", "EKS::Cluster", "ResourcesVpcConfig",
     {"EndpointPrivateAccess": True, "EndpointPublicAccess": True}),
    ("PUBLIC_API_FOR_NAMED_NETWORKS", "EKS::Cluster", "ResourcesVpcConfig",
     {"EndpointPrivateAccess": True, "EndpointPublicAccess": True, "PublicAccessCidrs": ["192.0.2.0/24", "::/0"]}),
    ("CLUSTER_KEEPS_SECRETS", "EKS::Cluster", "EncryptionConfig", None),
    ("PODS_ARE_REACHED_BY_IPV6", "ElasticLoadBalancingV2::TargetGroup", "TargetType", "instance"),
    ("PODS_ARE_REACHED_BY_IPV6", "ElasticLoadBalancingV2::TargetGroup", "IpAddressType", None),
    ("HTTP_ONLY_SENDS_ON", "ElasticLoadBalancingV2::Listener", "Protocol", "HTTP"),
    ("TLS_OF_TODAY", "ElasticLoadBalancingV2::Listener", "SslPolicy", "ELBSecurityPolicy-2016-08"),
    ("KEYS_ARE_ROTATED", "KMS::Key", "EnableKeyRotation", None),
    ("LOGS_END", "Logs::LogGroup", "RetentionInDays", None),
    ("BUCKETS_ARE_CLOSED", "S3::Bucket", "PublicAccessBlockConfiguration.BlockPublicPolicy", False),
    ("BUCKETS_ARE_CLOSED", "S3::Bucket", "PublicAccessBlockConfiguration", None),
    ("ROLES_MAY_NOT_DO_ANYTHING", "IAM::Policy", "PolicyDocument.Statement.0.Action", "ec2:*"),
    ("ROLES_MAY_NOT_DO_ANYTHING", "IAM::Policy", "PolicyDocument.Statement.0.Action", ["ec2:DescribeVpcs", "*"]),
)  # fmt: skip
"""A rule, and what breaks it: type, property, and what the property is instead."""


def resource(platform: Assembly, kind: str, stack: str, name: str, value: Any) -> str:
    """The logical id of a stack's only resource of a type of which a property has a value."""
    found = platform.of_type(kind, stack)
    (place,) = (place for place, properties in found.items() if properties.get(name) == value)
    return place.partition("/")[2]


def broken_otherwise(platform: Assembly) -> list[tuple[str, Change]]:
    """Rules that are about what is there at all."""
    client = "Client-acme"
    route = resource(platform, "EC2::Route", client, "DestinationIpv6CidrBlock", "64:ff9b::/96")
    subnet = resource(platform, "EC2::Subnet", client, "EnableDns64", True)
    ipv4 = resource(platform, "EC2::Route", client, "DestinationCidrBlock", "0.0.0.0/0")
    native = resource(platform, "EC2::Subnet", "Network", "Ipv6Native", True)
    spool = resource(platform, "EC2::Volume", "SipHost-acme", "Encrypted", True)
    added: list[str | int] = ["Resources", "Added"]
    propagation = {"Type": "AWS::EC2::TransitGatewayRouteTablePropagation", "Properties": {}}
    peering = {"Type": "AWS::EC2::VPCPeeringConnection", "Properties": {}}

    first_rule = "SecurityGroupIngress.0.CidrIp"
    open_tunnel = change(platform, TOOL, "EC2::SecurityGroup", first_rule, "0.0.0.0/0", stack="StrongSwan-acme")

    def of(stack: str, name: str, what: str, value: Any) -> Change:
        return Change(TOOL, stack, ["Resources", name, "Properties", what], value)

    return [
        ("EVERYBODY_MAY_REACH_THE_PORTAL_ALONE", open_tunnel),
        ("TRANSIT_GATEWAY_LEARNS_NO_ROUTES", Change(TOOL, client, added, propagation)),
        ("VPCS_ARE_JOINED_BY_THE_TRANSIT_GATEWAY_ALONE", Change(TOOL, client, added, peering)),
        ("WHAT_DNS64_NAMES_HAS_A_WAY", of(client, route, "DestinationIpv6CidrBlock", "64:ff9b::/112")),
        ("WHAT_IS_TRANSLATED_IS_NAMED", of(client, subnet, "EnableDns64", False)),
        ("IPV6_ONLY_NEEDS_DNS64", of("Network", native, "EnableDns64", False)),
        ("NO_IPV4_TO_THE_TRANSIT_GATEWAY", of(client, ipv4, "TransitGatewayId", "tgw-0123456789abcdef0")),
        ("VOLUMES_ARE_KEPT", Change(TOOL, "SipHost-acme", ["Resources", spool, "DeletionPolicy"], "Delete")),
    ]


@pytest.fixture(scope="module")
def broken(platform: Assembly) -> dict[str, list[set[str]]]:
    """For each rule the rules that were broken by each change that is to break it."""
    changes = [(rule, change(platform, TOOL, *what)) for rule, *what in BROKEN] + broken_otherwise(platform)
    found: dict[str, list[set[str]]] = {}
    for (rule, _), said in zip(changes, new_findings(platform, [each for _, each in changes]), strict=True):
        found.setdefault(rule, []).append({name for name, _, _ in said})
    return found


def test_each_rule_is_broken_by_whatever_should_break_it(broken: dict[str, list[set[str]]]):
    assert {rule: found for rule, found in broken.items() if not all(rule in each for each in found)} == {}


def test_no_rule_is_left_untried(broken: dict[str, list[set[str]]]):
    assert set(re.findall(r"^rule (\w+)", RULES.read_text(), re.MULTILINE)) == set(broken)


def test_each_rule_has_one_sentence_for_the_engine_tells_no_other():
    rules = re.findall(r"^rule (\w+)[^{]*\{\n(.*?)\n\}", RULES.read_text(), re.MULTILINE | re.DOTALL)
    assert [name for name, body in rules if len(set(re.findall("<<(.*?)>>", body))) != 1] == []


# --- reasons for what is not to AWS's taste

WITHOUT_REASONS = """
import json, sys
sys.path.insert(0, "cdk")
from voice_cdk.config import load
from voice_cdk.stacks import app
from voice_cdk.stacks.reasons import reasons
from voice_cdk.synthesis import main
from pathlib import Path
app.acknowledge = lambda platform, config: None
for source, output in json.loads(sys.argv[1]):
    main([source, output])
    print(json.dumps([[one.rule, one.where, one.reason] for one in reasons(load(Path(source)))]))
"""
FINDING = re.compile(r"^voice/(?P<path>.*?): .* \((?P<rule>[^()]*(?:\[.*\])?)\)$")


@pytest.fixture(scope="module")
def unreasoned(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[tuple[str, str]], set[tuple[str, str, str]]]:
    """What is found of two platforms without any reason, by rule and path; and the reasons that there are."""
    folder = tmp_path_factory.mktemp("unreasoned")
    text = EXAMPLE.read_text()
    arguments = []
    for access in ("nat64", "native"):
        source = folder / f"{access}.toml"
        source.write_text(text.replace('db_access = "nat64"', f'db_access = "{access}"'))
        arguments.append([str(source), str(folder / access)])
    command = [python(), "-c", WITHOUT_REASONS, json.dumps(arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=CHECKOUT)
    found = {(each["rule"], each["path"]) for each in map(FINDING.match, done.stderr.splitlines()) if each}
    return found, {tuple(reason) for line in done.stdout.splitlines() for reason in json.loads(line)}


def test_every_reason_is_needed(unreasoned):
    """One that is not would hide what comes next."""
    found, reasons = unreasoned
    assert found
    assert {
        (rule, where)
        for rule, where, _ in reasons
        if not any(
            rule.rpartition("::")[2] == name.rpartition("::")[2] and fnmatchcase(f"{path}/", f"{where}*/")
            for name, path in found
        )
    } == set()


def test_every_rule_has_its_own_reason(unreasoned):
    _, reasons = unreasoned
    assert all(len(reason.split()) >= 6 for _, _, reason in reasons)
