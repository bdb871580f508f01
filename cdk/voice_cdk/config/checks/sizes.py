"""Sizes and choices that exclude each other."""

from __future__ import annotations

from voice_cdk.config import schema
from voice_cdk.config.draft import Draft
from voice_cdk.config.faults import Faults
from voice_cdk.config.keys import Key, Section
from voice_cdk.config.model import DbAccess, Nat64Prefix
from voice_cdk.config.values.machines import architecture


def check(draft: Draft, faults: Faults) -> None:
    """Add what is wrong with sizes and choices."""
    _check_order(draft.database, schema.MIN_CAPACITY, schema.MAX_CAPACITY, faults)
    _check_order(draft.cluster, schema.MIN_NODES, schema.MAX_NODES, faults)
    _check_architectures(draft, faults)
    _check_prefix(draft, faults)


def _check_order(section: Section, least: Key[float], most: Key[float], faults: Faults) -> None:
    low, high = section.get(least), section.get(most)
    if low is None or high is None or low <= high:
        return
    raised, lowered = f"raise {most.name} to {low:g}", f"lower {least.name} to {high:g}"
    faults.add(section.at(least), f"{low:g} is more than {most.name}, {high:g}; {raised}, or {lowered}")


def _check_architectures(draft: Draft, faults: Faults) -> None:
    """Images of machines and of containers are built for one architecture: that of most, or of the first."""
    types = list(draft.instance_types())
    kinds = [architecture(each) for _, each in types]
    if len(set(kinds)) < 2:
        return
    usual = max(kinds, key=kinds.count)
    for (where, each), kind in zip(types, kinds, strict=True):
        if kind is not usual:
            faults.add(
                where,
                f"{each} is {kind}, and other hosts are {usual}: images are built for one architecture; "
                f"write a type of {usual}, or change all of them",
            )


def _check_prefix(draft: Draft, faults: Faults) -> None:
    access, prefix = draft.top.get(schema.DB_ACCESS), draft.top.get(schema.NAT64_PREFIX)
    if prefix is not Nat64Prefix.OWN or access not in {DbAccess.MANAGED, DbAccess.NATIVE}:
        return
    why = "nothing is translated" if access is DbAccess.NATIVE else "AWS's NAT gateways translate 64:ff9b::/96 alone"
    faults.add(
        draft.top.at(schema.NAT64_PREFIX),
        f'"own" does not go with db_access = "{access}", with which {why}; take one of the two out',
    )
