"""Every client can be reached as it is said to be, in the family in which its calls are."""

from __future__ import annotations

from voice_cdk.config import schema
from voice_cdk.config.checks.rules import check_number
from voice_cdk.config.draft import Draft
from voice_cdk.config.faults import Faults
from voice_cdk.config.keys import Section
from voice_cdk.config.model import Connection, SipFamily
from voice_cdk.config.values.ranges import is_private

MOST_PREFIXES = 10
"""Of a family: a prefix takes four rules of a security group each way, and a group has 60 of a family (VPC quotas)."""

_FAMILY = {4: SipFamily.IPV4, 6: SipFamily.IPV6}
_WRITTEN = {SipFamily.IPV4: "IPv4", SipFamily.IPV6: "IPv6"}


def check(draft: Draft, faults: Faults) -> None:
    """Add what is wrong with each client."""
    for client in draft.clients.values():
        _check_gateway(client, faults)
        _check_family(client, faults)
        _check_prefixes(client, faults)


def _check_gateway(client: Section, faults: Faults) -> None:
    connection, gateway = client.get(schema.CONNECTION), client.get(schema.GATEWAY)
    where = client.at(schema.GATEWAY)
    if connection is Connection.TUNNEL and not client.given(schema.GATEWAY):
        faults.add(where, f"this is missing: a tunnel leads to a gateway; write it like this: {schema.GATEWAY.example}")
    if connection is Connection.TRUNK and client.given(schema.GATEWAY):
        faults.add(where, 'a trunk has no gateway, as it has no tunnel; take this out, or write connection = "tunnel"')
    for prefix in client.get(schema.PREFIXES) or ():
        if gateway and gateway in prefix:
            faults.add(
                where,
                f"{gateway} is in {prefix} of the client's own prefixes, so the tunnel would have to go "
                "through itself; take it out of them",
            )


def _check_family(client: Section, faults: Faults) -> None:
    prefixes, family = client.get(schema.PREFIXES), client.get(schema.SIP_FAMILY)
    if not prefixes or family is None or any(_FAMILY[each.version] is family for each in prefixes):
        return
    other = SipFamily.IPV4 if family is SipFamily.IPV6 else SipFamily.IPV6
    mend = f'write sip_family = "{other}", or add the client\'s {_WRITTEN[family]} prefixes'
    faults.add(
        client.at(schema.SIP_FAMILY),
        f"the SIP host would speak {_WRITTEN[family]}, and the client's prefixes are all {_WRITTEN[other]}: SIP cannot "
        f"pass NAT64, since session descriptions carry addresses; {mend}",
    )


def _check_prefixes(client: Section, faults: Faults) -> None:
    prefixes, where = client.get(schema.PREFIXES), client.at(schema.PREFIXES)
    if prefixes is None:
        return
    if not prefixes and not faults.names(where):
        faults.add(where, f"the list is empty, so nobody could be called; {schema.PREFIXES.example} is one")
    check_number(where, "prefixes", prefixes, MOST_PREFIXES, faults)
    if client.get(schema.CONNECTION) is Connection.TRUNK:
        for prefix in prefixes:
            if is_private(prefix):
                faults.add(
                    where,
                    f"{prefix} is private, and a trunk goes through the internet; "
                    "write the public addresses of the client's SBC",
                )
