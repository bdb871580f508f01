"""Elastic IPs: each somebody's, and one's alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault

USERS = ("AWS::EC2::NatGateway", "AWS::EC2::EIPAssociation")


def check(context: Context) -> Iterator[Fault]:
    """Who uses which."""
    users = defaultdict(list)
    for key in context.resolver.of_type(*USERS):
        properties = context.resolver.properties(key)
        users[str(properties.get("AllocationId") or properties.get("EIP"))].append(key)
    for key in context.resolver.of_type("AWS::EC2::EIP"):
        if context.resolver.properties(key).get("Domain", "vpc") != "vpc":
            yield Fault(kind="refused", resource=str(key), reason="its Domain is not vpc, the only one that there is")
        taken = users.get(f"id-{key.stack}.{key.logical_id}", [])
        own = context.resolver.properties(key).keys() & {"InstanceId"}
        if len(taken) > 1:
            reason = f"is used by {' and '.join(map(str, taken))}; it can be one's alone"
            yield Fault(kind="address", resource=str(key), reason=reason)
        elif not taken and not own:
            yield Fault(kind="address", resource=str(key), reason="this Elastic IP is nobody's")
