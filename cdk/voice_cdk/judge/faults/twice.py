"""What is there twice: routes to one destination in one table, rules of one group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault, Key
from voice_cdk.judge.model import TargetKind
from voice_cdk.judge.modelling.security import MADE_BY_AWS


def check(context: Context) -> Iterator[Fault]:
    """Routes of VPCs, of transit gateways, and rules."""
    model = context.model
    routes: dict[tuple[str, object], list[Key]] = defaultdict(list)
    for route in model.routes:
        if route.kind is not TargetKind.LOCAL:
            routes[route.table, route.destination].append(route.key)
    for tgw_route in model.tgw_routes:
        routes[tgw_route.table, tgw_route.destination].append(tgw_route.key)
    for (_, destination), keys in routes.items():
        for key in keys[1:]:
            reason = f"a second route to {destination} in one table, beside {keys[0]}; AWS takes one"
            yield Fault(kind="route", resource=str(key), reason=reason)
    yield from _rules(context)
    yield from _gateways(context)


def _rules(context: Context) -> Iterator[Fault]:
    seen: dict[object, str] = {}
    for rule in context.model.rules:
        if rule.place == MADE_BY_AWS:
            continue
        what = (rule.group, rule.ingress, rule.traffic, rule.network, rule.peer_group)
        if what in seen:
            reason = f"the same rule twice, beside {seen[what]}; AWS refuses the second"
            yield Fault(kind="rule", resource=str(rule.key), reason=reason)
        seen.setdefault(what, f"{rule.key} {rule.place}".strip())


def _gateways(context: Context) -> Iterator[Fault]:
    """A VPC has one internet gateway, and a gateway one VPC."""
    seen: dict[tuple[str, str], Key] = {}
    for key in context.resolver.of_type("AWS::EC2::VPCGatewayAttachment"):
        properties = context.resolver.properties(key)
        for name in ("VpcId", "InternetGatewayId"):
            value = str(properties.get(name))
            if name in properties and "InternetGatewayId" in properties and seen.setdefault((name, value), key) != key:
                reason = (
                    f"a second attachment of {value.removeprefix('id-')}, beside {seen[name, value]}; AWS takes one"
                )
                yield Fault(kind="refused", resource=str(key), reason=reason)
