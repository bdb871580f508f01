"""parliament: whether policies name actions, resources and conditions that IAM has, and that go together."""

from __future__ import annotations

import json
import warnings
from collections.abc import Collection, Iterator

from voice_cdk.judge.resolve import Resolver
from voice_cdk.proving.findings import Finding
from voice_cdk.proving.policies import Policy, policies

with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # it finds its data in a way of old
    import parliament

TOOL = "parliament"


def analyse(resolver: Resolver, stacks: Collection[str]) -> Iterator[Finding]:
    """What parliament says of every policy of some stacks."""
    for policy in policies(resolver):
        if policy.key.stack in stacks:
            yield from _of_policy(policy)


def _of_policy(policy: Policy) -> Iterator[Finding]:
    try:
        said = [
            (one.issue, f"{one.detail or one.location.get('string', '')}")
            for one in parliament.analyze_policy_string(json.dumps(policy.document)).findings
        ]
    except Exception as error:  # of any type: it goes on reading what it has found to be none
        said = [("NO_POLICY", repr(error))]
    for rule, detail in said:
        where = policy.key
        yield Finding(
            tool=TOOL, rule=rule, stack=where.stack, resource=where.logical_id, detail=f"{policy.path}: {detail}"
        )
