"""Types of EC2 instances: which there are, of which architecture, and which are fit for what."""

from __future__ import annotations

import difflib
import re
from enum import StrEnum

from voice_cdk.config.faults import SHOWN, shown
from voice_cdk.config.keys import Unfit, text

_SIZES = {
    "t3 t3a t4g": "nano micro small medium large xlarge 2xlarge",
    "t8i": "nano micro small medium",
    "c5 c5d": "large xlarge 2xlarge 4xlarge 9xlarge 12xlarge 18xlarge 24xlarge",
    "c5n": "large xlarge 2xlarge 4xlarge 9xlarge 18xlarge",
    "c5a c5ad m5 m5a m5ad m5d m5dn m5n r5 r5a r5ad r5b r5d r5dn r5n": (
        "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge"
    ),
    "m5zn": "large xlarge 2xlarge 3xlarge 6xlarge 12xlarge",
    "c6a m6a r6a": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge",
    "c6g c6gd c6gn c7g c7gd c7gn m6g m6gd m7g m7gd r6g r6gd r7g r7gd": (
        "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"
    ),
    "c6i c6id c6in m6i m6id m6idn m6in r6i r6id r6idn r6in": (
        "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge"
    ),
    "c7a m7a r7a": "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge",
    "c7i m7i r7i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge",
    "c7i-flex c8i-flex m7i-flex m8i-flex r8i-flex": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
    "r7iz": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 32xlarge",
    "c8a c8g c8gb c8gd c8gn c9g c9gd m8a m8g m8gb m8gd m8gn m9g m9gd r8a r8g r8gb r8gd r8gn r9g r9gd": (
        "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"
    ),
    "c8i c8ib c8id c8in m8i m8ib m8id m8idb m8idn m8in r8i r8ib r8id r8idb r8idn r8in": (
        "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge 96xlarge"
    ),
    "c8ine m8ine": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge",
    "m8azn": "medium large xlarge 3xlarge 6xlarge 12xlarge 24xlarge",
}
SIZES = {family: sizes.split() for families, sizes in _SIZES.items() for family in families.split()}
"""Sizes of the families t, m, c and r that have Nitro (EC2 API, November 2026), but for bare metal."""

BEFORE_NITRO = frozenset({"t1", "t2", "m1", "m2", "m3", "m4", "c1", "c3", "c4", "r3", "r4"})
"""They have no metadata by IPv6, and no IPv6 in EKS (EC2 guide, "Nitro"; EKS guide, "cni-ipv6")."""

TOO_SMALL_FOR_NODES = ("nano", "micro", "small")
"""Of 2 GiB, kubelet on AL2023 keeps 1.4 for itself with the 110 pods of a node with IPv6 (255 MiB + 11 MiB a pod)."""


class Architecture(StrEnum):
    """Of a processor, in EC2's words."""

    X86_64 = "x86_64"
    ARM64 = "arm64"


def architecture(instance_type: str) -> Architecture:
    """Return the architecture of a type that `host` or `node` made: Graviton's have a g behind the generation."""
    found = re.match(r"[a-z]+[0-9]+([a-z]*)", instance_type)
    return Architecture.ARM64 if found and "g" in found[1] else Architecture.X86_64


def host(value: object) -> str:
    """Return the type of a host of ours.

    Raises:
        Unfit: there is none of this name, or it has no Nitro.
    """
    written = text(value, 'a type of instance, such as "t3.micro"')
    family, dot, size = written.partition(".")
    if not dot:
        raise Unfit(f'{shown(written)} is no type of instance, which is a family, a dot and a size, such as "t3.micro"')
    if family in BEFORE_NITRO:
        raise Unfit(
            f"{shown(written)} is older than Nitro, without which a host has no metadata by IPv6; write a t3 or newer"
        )
    if family not in SIZES:
        near = difflib.get_close_matches(family.lower()[:SHOWN], SIZES, 1, 0.6)
        raise Unfit(
            f"the family {shown(family)} is none of t, m, c and r with Nitro; "
            + (f"write {shown(near[0])}, if that is meant" if near else 'write "t3.micro", for example')
        )
    if size not in SIZES[family]:
        raise Unfit(f"{family} has no size {shown(size)}; write one of {', '.join(SIZES[family])}")
    return written


def node(value: object) -> str:
    """Return the type of a node of the cluster.

    Raises:
        Unfit: as for a host, or it is too small for a node.
    """
    written = host(value)
    if written.partition(".")[2] in TOO_SMALL_FOR_NODES:
        raise Unfit(
            f"{shown(written)} is too small for a node: kubelet alone would have its memory; write a medium or larger"
        )
    return written
