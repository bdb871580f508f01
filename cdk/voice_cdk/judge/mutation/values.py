"""Other values for one property: switched, moved, opened, widened, misspelt."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from ipaddress import ip_network

from voice_cdk.judge.faults.plain import MAY_BE_EMPTY
from voice_cdk.judge.keys import Json, Key
from voice_cdk.judge.modelling.security import NOBODY
from voice_cdk.judge.mutation.parts import Mutant, Part, at, mutant, properties
from voice_cdk.judge.templates import Assembly

SWITCHES = {
    "enable": "disable", "disable": "enable", "enabled": "disabled", "disabled": "enabled", "required": "optional",
    "true": "false", "false": "true", "ON": "OFF", "1": "0", "ALL": "REJECT", "IPV4": "DUAL", "DUAL": "IPV4",
    "ipv6": "ipv4", "private": "public", "dualstack": "ipv4", "internal": "internet-facing", "ip": "instance",
    "internet-facing": "internal", "Interface": "Gateway", "Gateway": "Interface", "Allow": "Deny",
    "HTTPS": "HTTP", "HTTP": "HTTPS", "tcp": "udp", "udp": "tcp", "IMMUTABLE": "MUTABLE", "AAAA": "A",
    "GreaterThanThreshold": "LessThanThreshold", "breaching": "notBreaching", "API": "API_AND_CONFIG_MAP",
}  # fmt: skip
PORTS = frozenset({"FromPort", "ToPort", "Port"})
NETWORKS = frozenset({
    "CidrIp", "CidrIpv6", "DestinationCidrBlock", "DestinationIpv6CidrBlock", "CidrBlock", "PublicAccessCidrs",
})  # fmt: skip
COUNTS = frozenset({"MinSize", "MaxSize", "DesiredSize", "DesiredCapacity", "MinCapacity", "BackupRetentionPeriod"})
ELSEWHERE = {4: "198.18.7.0/24", 6: "2001:db8:dead::/56"}
SERVICES = ("ec2.amazonaws.com", "lambda.amazonaws.com")


def of_resource(assembly: Assembly, key: Key, found: list[Part]) -> Iterator[Mutant]:
    """Each plain property with each of its other values."""
    resource = assembly.stacks[key.stack].resources[key.logical_id]
    for part in found:
        if part.inside or not part.leaf:
            continue
        for kind, others in KINDS.items():
            for other in others(part, properties(resource)):
                if other != part.value:
                    yield mutant(kind, assembly, key, part, other, f"= {json.dumps(other)}")


def _switched(part: Part, _: Json) -> Iterator[Json]:
    if isinstance(part.value, bool):
        yield not part.value
    elif isinstance(part.value, str) and part.value in SWITCHES:
        yield SWITCHES[part.value]


def _ports(part: Part, whole: Json) -> Iterator[Json]:
    if part.name in PORTS and str(part.value).isdigit() and not means_nobody(at(whole, part.path[:-1])):
        yield from (type(part.value)(int(part.value) + step) for step in (1, -1) if int(part.value) + step >= 0)


def means_nobody(rule: Json) -> bool:
    """Whether it is the rule that the CDK writes for "nothing goes out"."""
    return isinstance(rule, dict) and rule.get("CidrIp") == str(NOBODY)


def _everybody(part: Part, whole: Json) -> Iterator[Json]:
    if part.name in NETWORKS and part.name != "CidrBlock" and not means_nobody(at(whole, part.path[:-1])):
        yield "::/0" if "6" in part.name or ":" in str(part.value) else "0.0.0.0/0"


def _widened(part: Part, _: Json) -> Iterator[Json]:
    if (network := _network(part)) and network.prefixlen:
        yield str(network.supernet())


def _narrowed(part: Part, _: Json) -> Iterator[Json]:
    if (network := _network(part)) and network.prefixlen < network.max_prefixlen:
        yield from map(str, network.subnets())


def _moved(part: Part, whole: Json) -> Iterator[Json]:
    if (network := _network(part)) and not means_nobody(at(whole, part.path[:-1])):
        yield ELSEWHERE[network.version]


def _network(part: Part) -> Json:
    if part.name in NETWORKS and isinstance(part.value, str) and "/" in part.value and part.value != str(NOBODY):
        return ip_network(part.value, strict=False)
    return None


def _zone(part: Part, _: Json) -> Iterator[Json]:
    if part.name == "AvailabilityZone" and isinstance(part.value, str):
        yield part.value[:-1] + ("b" if part.value.endswith("a") else "a")


def _none(part: Part, _: Json) -> Iterator[Json]:
    if part.name in COUNTS and str(part.value) != "0":
        yield "0" if isinstance(part.value, str) else 0


def _everything(part: Part, _: Json) -> Iterator[Json]:
    if part.name in {"Action", "Resource"} and "Statement" in part.path and part.value != "*":
        yield "*"


def _principal(part: Part, _: Json) -> Iterator[Json]:
    if part.path[-2:-1] == ("Principal",) or part.path[-3:-2] == ("Principal",):
        yield SERVICES[part.value == SERVICES[0]] if part.name == "Service" else "*"


def _misspelt(part: Part, _: Json) -> Iterator[Json]:
    if isinstance(part.value, str) and part.name in SPELT:
        yield part.value + "x"


def _emptied(part: Part, _: Json) -> Iterator[Json]:
    if isinstance(part.value, str) and part.value and part.name not in MAY_BE_EMPTY:
        yield ""


def _account(part: Part, _: Json) -> Iterator[Json]:
    if isinstance(part.value, str) and "Statement" in part.path and ACCOUNT.search(part.value):
        yield ACCOUNT.sub("999999999999", part.value)


def _nowhere(part: Part, _: Json) -> Iterator[Json]:
    if part.name.startswith(("aws:ResourceTag/", "kms:ViaService")):
        yield f"{part.value}x"


ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
SPELT = frozenset({
    "MetricName", "Namespace", "HealthCheckPath", "AddonName", "ServiceName", "ServiceAccount", "PolicyArn", "Action",
    "ManagedPolicyArns", "SslPolicy", "CertificateArn", "RetentionInDays", "Type", "Engine", "EngineVersion", "Family",
    "Protocol", "ResourceType", "IpProtocol", "Domain", "DBInstanceClass", "AmiType", "Name",
})  # fmt: skip
"""Properties that have to be one of the words that AWS knows, or that something else in the templates is called by."""
KINDS: dict[str, Callable[[Part, Json], Iterator[Json]]] = {
    "switched": _switched, "port moved": _ports, "opened": _everybody, "widened": _widened, "narrowed": _narrowed,
    "moved": _moved, "zone moved": _zone, "set to none": _none, "allowed everything": _everything,
    "principal changed": _principal, "misspelt": _misspelt, "emptied": _emptied, "another account": _account,
    "never holds": _nowhere,
}  # fmt: skip
