"""Shorter words for what the judge's picture names in full."""

from __future__ import annotations

from collections.abc import Sequence

LETTERS = {"shared services": "VPC-A", "unified communications": "VPC-B", "client": "VPC-C"}
"""What a VPC is called in the documentation, by what it is for."""
GATEWAYS = {
    "internet gateway": "internet gateway",
    "egress-only internet gateway": "egress-only gateway",
}


def short(words: str, here: str = "") -> str:
    """A target or gateway: "NAT gateway in eu-west-1a" becomes "NAT gateway, zone a"; seen from `here`, no zone."""
    name, _, zone = words.partition(" in ")
    return GATEWAYS.get(name, name) + (f", zone {zone[-1]}" if zone and zone != here else "")


def destination(words: str, vpc: str) -> str:
    """A route's destination, where names of the same VPC need not be repeated."""
    return words.replace(f"IPv6 of {vpc}/", "IPv6 of ")


def within(name: str, vpc: str) -> str:
    """A subnet's name inside its VPC: "Shared/AppsA" becomes "AppsA"."""
    return name.removeprefix(f"{vpc}/")


def cut(words: str, most: int) -> str:
    """At most so many characters."""
    return words if len(words) <= most else words[: most - 1] + "…"


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
