"""The portal's way in: TLS with a certificate of this region, and pods that are asked whether they are well."""

from __future__ import annotations

import re
from collections.abc import Iterator

from voice_cdk.judge.faults.context import Context
from voice_cdk.judge.keys import Fault, Json, Key

PREFIX = "AWS::ElasticLoadBalancingV2::"
TLS13 = re.compile(r"ELBSecurityPolicy-TLS13-1-[23](-(Ext[12]|Res))?(-FIPS)?(-PQ)?-20\d\d-\d\d")
CERTIFICATE = re.compile(r"certificate/[0-9a-f-]+")
PROTOCOLS = frozenset({"HTTP", "HTTPS", "TCP", "TLS", "UDP", "TCP_UDP", "GENEVE"})
SAFE = frozenset({"HTTPS", "TLS"})
ATTRIBUTES = {
    "deletion_protection.enabled": "a deleted stack would take the portal's address along",
    "routing.http.drop_invalid_header_fields.enabled": "headers that two servers read differently would pass",
}
"""Attributes of a load balancer that are to be true, and what happens else."""


def check(context: Context) -> Iterator[Fault]:
    """Application load balancers, their listeners and target groups."""
    used: set[str] = set()
    seen: dict[tuple[str, str], Key] = {}
    for key in context.resolver.of_type(f"{PREFIX}Listener"):
        properties = context.resolver.properties(key)
        yield from _listener(context, key, properties)
        place = (str(properties.get("LoadBalancerArn")), str(properties.get("Port")))
        if seen.setdefault(place, key) != key:
            reason = f"a second listener at port {place[1]}, beside {seen[place]}; AWS takes one"
            yield Fault(kind="refused", resource=str(key), reason=reason)
        used |= set(_groups(properties.get("DefaultActions")))
    for key in context.resolver.of_type(f"{PREFIX}TargetGroup"):
        yield from _target_group(context, key, used)
    for key in context.resolver.of_type(f"{PREFIX}LoadBalancer"):
        yield from _balancer(context, key)


def _groups(actions: Json) -> Iterator[str]:
    for action in actions if isinstance(actions, list) else ():
        if isinstance(action, dict) and action.get("TargetGroupArn"):
            yield str(action["TargetGroupArn"])


def _listener(context: Context, key: Key, properties: Json) -> Iterator[Fault]:
    owner = context.resolver.owners.get(str(properties.get("LoadBalancerArn")))
    if owner is None or context.resolver.kind(owner) != f"{PREFIX}LoadBalancer":
        yield Fault(kind="refused", resource=str(key), reason="its LoadBalancerArn is no load balancer")
    protocol, port = str(properties.get("Protocol")), str(properties.get("Port"))
    if (port == "443") != (protocol in SAFE) and protocol in {"HTTP", *SAFE}:
        yield _fault(key, f"port {port} with {protocol}: people would be answered in another protocol than they ask")
    if protocol not in PROTOCOLS:
        yield Fault(kind="refused", resource=str(key), reason=f"{protocol} is no protocol of a listener")
    if protocol in SAFE:
        yield from _safe(context, key, properties)
    actions = [one for one in properties.get("DefaultActions") or [] if isinstance(one, dict)]
    if not actions:
        yield Fault(kind="refused", resource=str(key), reason="its DefaultActions are none")
    for action in actions:
        yield from _action(context, key, protocol, action)


def _safe(context: Context, key: Key, properties: Json) -> Iterator[Fault]:
    region = context.resolver.assembly.stacks[key.stack].region
    found = [one.get("CertificateArn") for one in properties.get("Certificates") or [] if isinstance(one, dict)]
    if not any(found):
        yield Fault(kind="refused", resource=str(key), reason="speaks TLS without a certificate")
    for arn in map(str, found):
        parts = arn.split(":")
        if arn.startswith("arn:") and (parts[2:4] != ["acm", region] or not CERTIFICATE.fullmatch(parts[-1])):
            yield Fault(kind="refused", resource=str(key), reason=f"{arn} is no certificate of ACM in {region}")
    policy = str(properties.get("SslPolicy"))
    if not TLS13.fullmatch(policy):
        yield _fault(key, f"SslPolicy {policy} has no TLS 1.3; without one AWS takes TLS 1.0 and 1.1, too")


def _action(context: Context, key: Key, protocol: str, action: Json) -> Iterator[Fault]:
    kind = str(action.get("Type"))
    if kind == "forward":
        for name in _groups([action]):
            owner = context.resolver.owners.get(name)
            if name.startswith("id-") and (not owner or context.resolver.kind(owner) != f"{PREFIX}TargetGroup"):
                yield Fault(kind="refused", resource=str(key), reason="forwards to what is no target group")
        if protocol == "HTTP":
            yield _fault(key, "forwards what comes without TLS: redirect it to HTTPS")
    elif kind == "redirect":
        to = action.get("RedirectConfig") if isinstance(action.get("RedirectConfig"), dict) else {}
        if to.get("Protocol") != "HTTPS" or str(to.get("Port")) not in {"443", "#{port}"}:
            yield _fault(key, f"redirects to {to.get('Protocol')} {to.get('Port')}, not to HTTPS 443")
        if str(to.get("StatusCode")) not in {"HTTP_301", "HTTP_302"}:
            yield Fault(kind="refused", resource=str(key), reason="redirects without a StatusCode (HTTP_301)")
    elif kind not in {"fixed-response", "authenticate-oidc", "authenticate-cognito"}:
        yield Fault(kind="refused", resource=str(key), reason=f"{kind} is no type of an action")


def _target_group(context: Context, key: Key, used: set[str]) -> Iterator[Fault]:
    properties = context.resolver.properties(key)
    if f"id-{key.stack}.{key.logical_id}" not in used:
        yield _fault(key, "no listener forwards to this target group")
    if str(properties.get("HealthCheckEnabled", True)).lower() == "false":
        yield _fault(key, "asks no target whether it is well")
    path = str(properties.get("HealthCheckPath"))
    if path in {"None", "/"}:
        yield _fault(key, "has no HealthCheckPath of its own: `/` asks for a login, which is no sign of health")
    elif not path.startswith("/") or path not in HEALTHY:
        yield _fault(key, f"HealthCheckPath {path} is none that the portal answers ({', '.join(sorted(HEALTHY))})")
    if str(properties.get("Protocol")) not in {"HTTP", "HTTPS"}:
        yield Fault(kind="refused", resource=str(key), reason="its Protocol is neither HTTP nor HTTPS")
    elif properties.get("Protocol") == "HTTPS":
        yield _fault(key, "asks pods by HTTPS, which speak HTTP")


HEALTHY = frozenset({"/healthz", "/readyz", "/livez"})
"""What Kubernetes' own components and the portal call it."""


def _balancer(context: Context, key: Key) -> Iterator[Fault]:
    properties = context.resolver.properties(key)
    if properties.get("Type", "application") != "application":
        return
    listed = [one for one in properties.get("LoadBalancerAttributes") or [] if isinstance(one, dict)]
    if not all("Key" in one and "Value" in one for one in listed):
        yield Fault(kind="refused", resource=str(key), reason="an attribute lacks its Key or its Value")
    given = {str(one.get("Key")): str(one.get("Value")).lower() for one in listed}
    for name, why in ATTRIBUTES.items():
        if given.get(name) != "true":
            yield _fault(key, f"{name} is not true: {why}")
    listeners = map(context.resolver.properties, context.resolver.of_type(f"{PREFIX}Listener"))
    if not any(one.get("LoadBalancerArn") == f"id-{key.stack}.{key.logical_id}" for one in listeners):
        yield _fault(key, "no listener is at this load balancer")


def _fault(key: Key, reason: str) -> Fault:
    return Fault(kind="portal", resource=str(key), reason=reason)
