"""Make all resources of an assembly in one order, and tell which of them were refused."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cache

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from moto import mock_aws

from voice_cdk.judge import attributes
from voice_cdk.judge.keys import Json, Key
from voice_cdk.judge.order import listed
from voice_cdk.judge.resolve import Resolver
from voice_cdk.proving.emulating.making import make
from voice_cdk.proving.emulating.orders import orders
from voice_cdk.proving.emulating.requests import Client
from voice_cdk.proving.emulating.values import Made, MissingError, Values
from voice_cdk.proving.findings import Finding

TOOL = "moto"
REFUSALS = (BotoCoreError, ClientError, MissingError, NotImplementedError)
MALFORMED = (ValueError, TypeError, KeyError, IndexError, AttributeError)
"""What functions of CloudFormation and the emulator raise for values that AWS would refuse."""


def emulate(resolver: Resolver, seed: int) -> Iterator[Finding]:
    """Make everything in two orders that differ as much as they can; tell what was refused in either."""
    for order in orders(resolver, seed):
        yield from apply(resolver, order)


def apply(resolver: Resolver, order: Sequence[Key]) -> list[Finding]:
    """Make everything in one order."""
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"  # nothing is started
    with mock_aws():
        run = _Run(resolver)
        for key in order:
            run.make(key)
    return [*run.findings, *_never_made(resolver, order)]


def _never_made(resolver: Resolver, order: Sequence[Key]) -> Iterator[Finding]:
    for key in sorted(set(resolver.keys) - set(order)):
        yield _finding(key, "Circle", "waits for itself, by way of others")


def _finding(key: Key, rule: str, detail: str) -> Finding:
    return Finding(tool=TOOL, rule=rule, stack=key.stack, resource=key.logical_id, detail=detail)


class _Run:
    """What is made so far, and what was refused."""

    def __init__(self, resolver: Resolver) -> None:
        self.findings: list[Finding] = []
        self._resolver = resolver
        self._made: dict[Key, Made] = {}
        self._refused: set[Key] = set()
        self._values = Values(resolver.assembly, self._made)
        regions = {stack.region for stack in resolver.assembly.stacks.values()}
        self._clients = {region: _client(region) for region in regions}

    def make(self, key: Key) -> None:
        """Make one resource, or keep why it was refused; not where what it needs was refused before."""
        try:
            self._made[key] = self._attributes(key)
        except REFUSALS as error:
            if not (isinstance(error, MissingError) and error.key in self._refused):
                self.findings.append(_finding(key, _rule(error), " ".join(str(error).split())))
            self._refused.add(key)
        except MALFORMED as error:
            self.findings.append(_finding(key, type(error).__name__, repr(error)))
            self._refused.add(key)

    def _attributes(self, key: Key) -> Made:
        raw = self._resolver.raw(key)
        for name in listed(raw.get("DependsOn")):
            other = Key(key.stack, name)
            if other not in self._made:
                raise MissingError(f"{other} isn't there when it is needed", other)
        stack = self._resolver.assembly.stacks[key.stack]
        properties = self._values.fill(stack, raw.get("Properties", {}))
        ec2 = self._clients[stack.region]
        made = make(ec2, str(raw["Type"]), str(key), properties)
        own = made.get("Ref", key.logical_id)
        written: Made = {name: properties[name] for name in _WRITTEN if name in properties}
        found = {"Ref": own, **dict.fromkeys(attributes.IDENTITIES, own), **written, **made}
        if raw["Type"] == "AWS::EC2::VPC":
            found |= {"Ipv6CidrBlocks": lambda: _ipv6_blocks(ec2, own)}
        return found


@cache
def _client(region: str) -> Client:
    """Made within the emulator, whose credentials it keeps; which emulator answers is found out at each request."""
    return boto3.client("ec2", region_name=region)


_WRITTEN = ("CidrBlock", "AvailabilityZone", "VpcId")
"""Attributes that are what the property says."""


def _ipv6_blocks(ec2: Client, vpc: Json) -> list[str]:
    (found,) = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    blocks = [one["Ipv6CidrBlock"] for one in found.get("Ipv6CidrBlockAssociationSet", [])]
    if not blocks:
        raise MissingError("the VPC has no IPv6 block yet when it is needed")
    return blocks


def _rule(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response["Error"]["Code"])
    return type(error).__name__.removesuffix("Error")
