"""Changes that change nothing that anybody could miss: the reason of each, so that nobody has to notice them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from voice_cdk.judge.keys import Json
from voice_cdk.judge.mutation.parts import Mutant, properties
from voice_cdk.judge.order import references
from voice_cdk.judge.templates import Assembly

DEFAULT = "is what AWS takes where nothing is said"
COSTS = "decides what it costs or how fast it is, and nothing that works or not"
NAMES = "gives instances names that nothing asks for"
EARLIER = "the grammar of 2008 lacks variables alone, which these documents don't use"
REDUNDANT = "the key's first statement lets the account itself do all of it"
FEWER_WORDS = "somebody is told that something is wrong, and not that it is right again"

CHOSEN = "transaction_isolation|performance_schema|max_connections|tmp_table_size|max_heap_table_size"

REASONS: tuple[tuple[str, str, str, str], ...] = (
    ("property removed", ".*", r"(AssumeRolePolicyDocument|PolicyDocument|KeyPolicy)\.Version", EARLIER),
    ("property removed", "EC2::EIP", "Domain", DEFAULT),
    ("property removed", "EC2::VPC", "EnableDnsSupport", DEFAULT),
    ("property removed", "EC2::TransitGateway", "AutoAcceptSharedAttachments", DEFAULT),
    ("property removed", "EC2::VPCEndpoint", "VpcEndpointType", DEFAULT),
    ("property removed", "ElasticLoadBalancingV2::LoadBalancer", "Scheme", DEFAULT),
    ("property removed", "RDS::DBCluster", "Port", DEFAULT),
    ("property removed", "RDS::DBInstance", "PubliclyAccessible", DEFAULT),
    ("property removed", "SecretsManager::Secret", r"GenerateSecretString\.PasswordLength", DEFAULT),
    ("property removed", "EKS::Nodegroup", r"ScalingConfig\.(DesiredSize|MaxSize)", DEFAULT),
    (".* removed", "S3::Bucket", "OwnershipControls.*", DEFAULT),
    ("property removed", "S3::Bucket", "VersioningConfiguration", "logs are written once"),
    (".*", "S3::Bucket", r"LifecycleConfiguration\.Rules\.\d\.(Abort|Noncurrent|Id).*", COSTS),
    (".*", "EC2::LaunchTemplate", r".*\.(VolumeType|VolumeSize|EbsOptimized|Monitoring)\b.*", COSTS),
    (".*", "EC2::Volume", "VolumeType", COSTS),
    (".*", "RDS::DBInstance", "PromotionTier", "both instances may become the writer, in whichever order"),
    ("set to none", "RDS::DBCluster", r".*\.MinCapacity.*", "it pauses while nobody asks, which a person may choose"),
    (
        ".*",
        "RDS::DBClusterParameterGroup",
        rf"Parameters\.({CHOSEN}).*",
        "a limit that a person chose; AWS has another",
    ),
    (".*", "EC2::Subnet", r"PrivateDnsNameOptionsOnLaunch\b.*", NAMES),
    (".* removed", "CloudWatch::Alarm", r"OKActions\b.*", FEWER_WORDS),
    ("property removed", "SSM::Association", "ScheduleExpression", "the group is closed once, and nobody opens it"),
    ("removed", "EC2::VPCEndpoint", "VPCEndpoint", "S3 is reached by other ways then, which cost more"),
    ("removed", "SNS::TopicPolicy", "TopicPolicy", "a topic without a policy lets its own account publish"),
)
"""Kind of the mutant, type of the resource, what was changed (regular expressions), and the reason."""
OPTIONAL = frozenset({"metrics-server"})
SUMMED = frozenset({"HTTPCode_Target_5XX_Count"})
DEFENSIVE = "routing.http.desync_mitigation_mode"


def reason(assembly: Assembly, mutant: Mutant) -> str | None:
    """Why a mutant is as good as the templates as they are; None where it is not."""
    resource = assembly.stacks[mutant.key.stack].resources.get(mutant.key.logical_id, {})
    kind = str(resource.get("Type", "")).removeprefix("AWS::")
    for of_kind, of_type, of_detail, why in REASONS:
        named = re.fullmatch(of_kind, mutant.kind) and re.fullmatch(of_type, kind)
        if named and re.fullmatch(of_detail, mutant.detail):
            return why
    return _by_value(resource, mutant) or _redundant(resource, mutant) or _symmetrical(assembly, mutant)


def _by_value(resource: Mapping[str, Json], mutant: Mutant) -> str | None:
    """Where it is what stands there that makes it one."""
    kind, given = resource.get("Type"), properties(resource)
    if kind == "AWS::EKS::Addon" and mutant.kind == "removed" and given.get("AddonName") in OPTIONAL:
        return "one that may be left out: programs in the cluster ask it, no resource here"
    if kind == "AWS::CloudWatch::Alarm" and mutant.detail == "Dimensions.1" and given.get("MetricName") in SUMMED:
        return "of a load balancer's answers AWS keeps the sum, too"
    if kind == "AWS::ElasticLoadBalancingV2::LoadBalancer" and mutant.kind == "item removed":
        match = re.fullmatch(r"LoadBalancerAttributes\.(\d+)", mutant.detail)
        attribute = given["LoadBalancerAttributes"][int(match[1])] if match else {}
        return DEFAULT if attribute.get("Key") == DEFENSIVE else None
    hops = mutant.kind == "property removed" and mutant.detail.endswith(".HttpPutResponseHopLimit")
    return DEFAULT if hops and "UserData" in given.get("LaunchTemplateData", {}) else None


def _redundant(resource: Mapping[str, Json], mutant: Mutant) -> str | None:
    """A later statement of a key's policy that repeats a part of what the account may do anyway."""
    policy = properties(resource).get("KeyPolicy")
    if not policy or mutant.kind not in {"property removed", "item removed"}:
        return None
    own = [_root(statement) for statement in policy["Statement"]]
    if mutant.detail == "KeyPolicy":
        return DEFAULT if all(own) else None
    match = re.fullmatch(r"KeyPolicy\.Statement\.([1-9]\d*)(\.Action(\.\d+)?)?", mutant.detail)
    return REDUNDANT if match and mutant.kind == "item removed" and own[int(match[1])] else None


def _root(statement: Json) -> bool:
    principal = statement.get("Principal", {}).get("AWS")
    return isinstance(principal, str) and principal.endswith(":root")


def _symmetrical(assembly: Assembly, mutant: Mutant) -> str | None:
    """Two things exchanged that are alike but for their names: elastic IPs, route tables with the same routes."""
    stack = assembly.stacks[mutant.key.stack]
    kind = stack.resources.get(mutant.key.logical_id, {}).get("Type")
    name, _, other = mutant.detail.partition(" with ")
    if mutant.kind != "exchanged" or (kind, name) not in EXCHANGED:
        return None
    targets = [stack.resources[one]["Properties"].get(name, {}) for one in (mutant.key.logical_id, other)]
    places = {_traits(stack.template, _target(target)) for target in targets}
    return "both are alike" if len(places) == 1 and None not in places else None


EXCHANGED = {
    ("AWS::EC2::NatGateway", "AllocationId"),
    ("AWS::EC2::SubnetRouteTableAssociation", "RouteTableId"),
    ("AWS::EC2::SubnetRouteTableAssociation", "SubnetId"),
}


def _target(reference: Json) -> str:
    """The logical id that a reference within a stack leads to."""
    argument = next(iter(reference.values()), "") if isinstance(reference, dict) else ""
    return str(argument[0] if isinstance(argument, list) else argument)


def _traits(template: Mapping[str, Json], logical_id: str) -> str | None:
    """What sets a resource apart from others of its type; None where that may stand in other templates."""
    resources, table = template["Resources"], {"Ref": logical_id}
    kind = resources.get(logical_id, {}).get("Type")
    if kind == "AWS::EC2::EIP":
        return "address"
    if kind == "AWS::EC2::Subnet":
        tables = [properties(one).get("RouteTableId") for one in resources.values()
                  if one["Type"] == "AWS::EC2::SubnetRouteTableAssociation"
                  and properties(one).get("SubnetId") == table]  # fmt: skip
        return _traits(template, _target(tables[0])) if tables else None
    if kind != "AWS::EC2::RouteTable" or logical_id in set(references(template.get("Outputs", {}))):
        return None
    routes = [properties(one) for one in resources.values() if one["Type"] == "AWS::EC2::Route"]
    mine = [{**one, "RouteTableId": None} for one in routes if one.get("RouteTableId") == table]
    return json.dumps(sorted(mine, key=str), sort_keys=True)
