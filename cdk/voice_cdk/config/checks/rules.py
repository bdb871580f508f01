"""Networks that become rules of a security group, which holds so many of a family."""

from __future__ import annotations

from collections.abc import Collection

from voice_cdk.config.faults import Faults
from voice_cdk.config.model import Network


def check_number(where: str, what: str, networks: Collection[Network], most: int, faults: Faults) -> None:
    """Add that there are more than `most` of a family; `what` says what they are called there."""
    for version in (4, 6):
        count = sum(each.version == version for each in networks)
        if count > most:
            faults.add(
                where,
                f"{count} {what} of IPv{version} make more rules than a security group holds; "
                f"write {most} at most, by wider ones",
            )
