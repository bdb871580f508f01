"""Slips of the hand in templates, one at a time: AWS refuses most of them, but not before the stack is deployed.

The judge's own mutants ask whether a platform still works; these ask who notices that a template is none.
"""

from __future__ import annotations

from collections.abc import Iterator

from voice_cdk.judge.keys import Json, Key
from voice_cdk.judge.mutation.parts import Mutant, Part, at, mutant, parts, properties
from voice_cdk.judge.templates import Assembly

OF_ITS_AUTHOR = frozenset({"Tags", "HostedZoneTags", "Parameters", "Condition", "Principal", "ConfigurationValues"})
"""Properties below which names are anybody's to choose, or not CloudFormation's."""
WORDS = frozenset({
    "AmiType", "AuthenticationMode", "ComparisonOperator", "ConnectivityType", "Domain", "Engine", "HostnameType",
    "HttpProtocolIpv6", "HttpTokens", "ImageTagMutability", "IpAddressType", "IpFamily", "IpProtocol", "Ipv6Support",
    "LogDestinationType", "NetworkType", "Protocol", "ResourceType", "Scheme", "Statistic", "TargetType",
    "TrafficType", "TreatMissingData", "VolumeType", "VpcEndpointType",
})  # fmt: skip
"""Properties that take one of a few words."""


def slips(assembly: Assembly) -> Iterator[Mutant]:
    """Every slip, resource by resource."""
    for key, resource in sorted(assembly.resources()):
        if str(resource["Type"]).startswith("AWS::CDK::"):
            continue
        for part in parts(properties(resource)):
            if not part.inside and not OF_ITS_AUTHOR & set(part.path):
                yield from _of_part(assembly, key, part)


def _of_part(assembly: Assembly, key: Key, part: Part) -> Iterator[Mutant]:
    if isinstance(part.path[-1], str):
        yield _misspelt(assembly, key, part)
    wrong = _of_another_type(part.value)
    if wrong is not None:
        yield mutant("another type", assembly, key, part, wrong)
    if isinstance(part.value, str) and part.name in WORDS:
        yield mutant("unknown word", assembly, key, part, f"{part.value}x")
    if isinstance(part.value, str) and part.name == "Action":
        yield mutant("unknown action", assembly, key, part, part.value[:-1])


def _misspelt(assembly: Assembly, key: Key, part: Part) -> Mutant:
    """The name of a property with its last letter twice."""
    *above, name = part.path
    parent = at(properties(assembly.stacks[key.stack].resources[key.logical_id]), tuple(above))
    wrong = {f"{each}{each[-1]}" if each == name else each: value for each, value in parent.items()}
    return mutant("property misspelt", assembly, key, Part(tuple(above), parent), wrong, str(part))


def _of_another_type(value: Json) -> Json:
    """A value of a type that can't be meant; None where CloudFormation would take any for it."""
    if isinstance(value, bool):
        return "perhaps"
    if isinstance(value, int):
        return "many"
    return "one" if isinstance(value, list) else None
