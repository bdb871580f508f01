"""Zones are of the region, and there are two at least."""

from __future__ import annotations

import re

from voice_cdk.config import schema
from voice_cdk.config.draft import Draft
from voice_cdk.config.faults import Faults, shown
from voice_cdk.config.values.names import EXAMPLE_REGION

LETTERS = "abc"
"""Of the zones of most regions."""
MORE_LETTERS = {
    "us-east-1": "abcdef",
    **dict.fromkeys(("ap-northeast-1", "ap-northeast-2", "ca-central-1", "us-west-2"), "abcd"),
}
"""Of those of the others (AWS's global infrastructure, November 2026). An account may lack some of them."""
FEWEST = 2
"""Aurora's and EKS's subnets are in two zones at least (RDS API, DBSubnetGroup; EKS guide, "network-reqs")."""


def check(draft: Draft, faults: Faults) -> None:
    """Add what is wrong with the zones."""
    zones, region = draft.top.get(schema.ZONES), draft.top.get(schema.REGION)
    if zones is None:
        return
    where = draft.top.at(schema.ZONES)
    some_unfit = faults.names(where)  # they are not among `zones`, and so not counted
    for number, zone in enumerate(zones, 1):
        if zone in zones[: number - 1]:
            faults.add(where, f"item {number}: {shown(zone)} stands here twice; write another zone")
        elif problem := _problem(zone, region):
            faults.add(where, f"item {number}: {problem}")
    if len(zones) < FEWEST and not some_unfit:
        begin = region or EXAMPLE_REGION
        faults.add(
            where,
            "the database and the cluster need two zones, so that one may fail; "
            f'write two, such as ["{begin}a", "{begin}b"]',
        )


def _problem(zone: str, region: str | None) -> str | None:
    """Return what is wrong with a zone."""
    here = region or EXAMPLE_REGION
    letters = MORE_LETTERS.get(here, LETTERS)
    if re.fullmatch(r"[a-z]", zone):
        return f"{shown(zone)} is the letter of a zone; write {shown(here + zone)}"
    why = _kind(zone) or (_place(zone, region, letters) if region else None)
    letter = zone[-1] if zone[-1] in letters else letters[0]
    return why and f"{shown(zone)} {why}; write whole names of availability zones, such as {shown(here + letter)}"


def _kind(zone: str) -> str | None:
    if re.fullmatch(r"[a-z]{3,4}[0-9]+-az[0-9]+", zone):
        return "is the id of a zone, and means another one's name in each account"
    if re.fullmatch(r"[a-z]+(-[a-z]+)+-[0-9]+(-[a-z0-9]+)+-[0-9]+[a-z]?", zone):
        return "is a Local or Wavelength Zone, which has neither Aurora nor EKS"
    return None


def _place(zone: str, region: str, letters: str) -> str | None:
    if not zone.startswith(region):
        return f"is not in the region {region}"
    if len(zone) != len(region) + 1 or zone[-1] not in letters:
        return f"is no zone, which is the region and a letter from a to {letters[-1]}"
    return None
