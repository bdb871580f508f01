"""The portal's name, zone and certificate belong together, and the right people reach it and the cluster."""

from __future__ import annotations

from voice_cdk.config import schema
from voice_cdk.config.checks.blocks import repeated
from voice_cdk.config.checks.rules import check_number
from voice_cdk.config.draft import Draft
from voice_cdk.config.faults import Faults, shown
from voice_cdk.config.keys import Key, Section
from voice_cdk.config.model import Network

MOST_PORTAL_SOURCES = 25
"""Of a family: a source takes two rules of the load balancer's security group (80 and 443) of 60 (VPC quotas)."""
MOST_CLUSTER_SOURCES = 40
"""EKS takes so many CIDR blocks for a cluster's public endpoint (EKS quotas)."""
WIDEST_CLUSTER_SOURCE = {4: 8, 6: 16}
"""The shortest prefix, by family, that isn't as good as everybody."""


def check(draft: Draft, faults: Faults) -> None:
    """Add what is wrong with the ways in."""
    _check_domain(draft.portal, faults)
    _check_certificate(draft, faults)
    _check_portal_sources(draft.portal, faults)
    _check_cluster_sources(draft.cluster, faults)


def _check_domain(portal: Section, faults: Faults) -> None:
    domain, zone = portal.get(schema.DOMAIN), portal.get(schema.ZONE)
    if domain and zone and domain != zone and not domain.endswith(f".{zone}"):
        faults.add(
            portal.at(schema.DOMAIN),
            f"{domain} is not in the zone {zone}, so its records cannot be written there; "
            f"write a name that ends with .{zone}, or the zone that it is in",
        )


def _check_certificate(draft: Draft, faults: Faults) -> None:
    arn = draft.portal.get(schema.CERTIFICATE)
    if arn is None:
        return
    _, _, _, of_region, of_account, _ = arn.split(":")
    region, account = draft.top.get(schema.REGION), draft.top.get(schema.ACCOUNT)
    where = draft.portal.at(schema.CERTIFICATE)
    named = shown(of_region) if of_region else "(none)"
    if region and of_region != region:
        faults.add(
            where,
            f"this certificate is of the region {named}, and the load balancer takes one of its own, "
            f"{region}; make one there",
        )
    if account and of_account != account:
        faults.add(
            where,
            f"this certificate is of the account {of_account}, and the load balancer takes one of its own, {account}; "
            "make one there",
        )


def _check_portal_sources(portal: Section, faults: Faults) -> None:
    allowed = portal.get(schema.PORTAL_ALLOWED)
    if allowed is None:
        return
    where = portal.at(schema.PORTAL_ALLOWED)
    if not allowed and not faults.names(where):
        faults.add(where, 'the list is empty, so nobody reaches the portal; for everybody write ["0.0.0.0/0", "::/0"]')
    _check_list(portal, schema.PORTAL_ALLOWED, allowed, faults)
    check_number(where, "networks", allowed, MOST_PORTAL_SOURCES, faults)


def _check_cluster_sources(cluster: Section, faults: Faults) -> None:
    allowed = cluster.get(schema.CLUSTER_ALLOWED)
    if allowed is None:
        return
    where = cluster.at(schema.CLUSTER_ALLOWED)
    _check_list(cluster, schema.CLUSTER_ALLOWED, allowed, faults)
    for network in allowed:
        least = WIDEST_CLUSTER_SOURCE[network.version]
        if network.prefixlen < least:
            faults.add(
                where,
                f"{network} opens the cluster's API to the world; write your own networks, /{least} or longer, "
                "or nothing for a private endpoint alone",
            )
    if len(allowed) > MOST_CLUSTER_SOURCES:
        faults.add(where, f"{len(allowed)} networks are more than EKS takes; write {MOST_CLUSTER_SOURCES} at most")


def _check_list(
    section: Section, which: Key[tuple[Network, ...]], networks: tuple[Network, ...], faults: Faults
) -> None:
    for inner, outer in repeated(networks):
        said = f"{inner} stands here twice" if inner == outer else f"{inner} is in {outer} already"
        faults.add(section.at(which), f"{said}, so its rule would serve nobody; take it out")
