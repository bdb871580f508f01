"""What every check reads, worked out once for a folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from voice_cdk.judge.flows import Flows
from voice_cdk.judge.keys import Json, Key
from voice_cdk.judge.model import Model, Outside
from voice_cdk.judge.order import Order, references
from voice_cdk.judge.outside import outsides
from voice_cdk.judge.resolve import Resolver
from voice_cdk.judge.world import World

POLICIES = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy")
"""Types of policies that stand beside their roles."""


@dataclass
class Context:
    """A resolved folder, its model, and flows as things stand."""

    resolver: Resolver
    model: Model

    @cached_property
    def flows(self) -> Flows:
        """Flows while everything stands."""
        return Flows(World(self.model))

    @cached_property
    def outsides(self) -> list[Outside]:
        """Who is outside."""
        return outsides(self.model)

    @cached_property
    def order(self) -> Order:
        """What is deployed before what."""
        return Order(self.resolver)

    @cached_property
    def policies(self) -> Mapping[Key, list[Json]]:
        """Of each role the documents of the policies beside it."""
        found: dict[Key, list[Json]] = {}
        for key in self.resolver.of_type(*POLICIES):
            properties = self.resolver.properties(key)
            named = {str(one) for one in [*(properties.get("Roles") or []), properties.get("RoleName")]}
            for role in {self.resolver.owners[one] for one in named if one in self.resolver.owners}:
                found.setdefault(role, []).append(properties.get("PolicyDocument"))
        return found

    def is_named(self, key: Key, *, but_by: Collection[str]) -> bool:
        """Whether a resource or an output names it; what is of these types does not count."""
        others = (one for one in self.resolver.keys if one != key and self.resolver.kind(one) not in but_by)
        if any(key in self.order.direct(one) for one in others):
            return True
        template = self.resolver.assembly.stacks[key.stack].template
        return key.logical_id in set(references(template.get("Outputs", {})))

    def tags(self, key: Key) -> Mapping[str, str]:
        """A resource's tags."""
        given = self.resolver.properties(key).get("Tags")
        listed = given if isinstance(given, list) else []
        return {str(tag.get("Key")): str(tag.get("Value")) for tag in listed if isinstance(tag, dict)}
