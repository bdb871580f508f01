"""The fixed map of addresses, as a table."""

from __future__ import annotations

from voice_cdk.config import plan
from voice_cdk.documenting.tables import table

_WHAT = {
    plan.Role.EDGE: "load balancer and NAT gateways (VPC-A), StrongSwan and NAT gateway (VPC-C)",
    plan.Role.APPS: "nodes, pods and the cluster's control plane (VPC-A)",
    plan.Role.DATABASE: "Aurora (VPC-B)",
    plan.Role.NAT64: "NAT64 hosts or private NAT gateways (VPC-B)",
    plan.Role.HOSTS: "Grafana's host (VPC-A), SIP host (VPC-C)",
    plan.Role.ATTACHMENT: "the transit gateway's interfaces (every VPC)",
}


def subnets() -> str:
    """Numbers of subnets by role and zone, and where the hosts are in theirs."""
    rows = [[f"`{role}`", str(first), f"…{first:02x}::/64", _WHAT[role]] for role, first in plan.FIRST_SUBNET.items()]
    prefix = plan.PREFIX_SUBNET
    rows.append(["the prefix", str(prefix), f"…{prefix:02x}::/64", 'empty, with `nat64_prefix = "own"` (VPC-B)'])
    hosts = ", ".join(f"{host} `::{digits}`" for host, digits in plan.HOST_DIGITS.items())
    head = ["role", "number in zone a", "its /64", "what is in it"]
    return f"{table(head, rows)}\n\nIn its subnet each host has a fixed address: {hosts}."
