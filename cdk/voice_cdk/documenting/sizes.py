"""Configurations of several sizes, made of the example's tables: for what a document says about each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Tables = dict[str, Any]
"""What TOML's tables hold."""


def with_clients(example: Tables, tunnels: int, trunks: int) -> Tables:
    """The example with so many clients of each kind: copies of its own, each in a VPC of its own.

    Raises:
        StopIteration: the example has no client of a kind that is wanted.
    """
    kinds = ["tunnel"] * tunnels + ["trunk"] * trunks
    own = example["clients"]
    clients = {}
    for number, kind in enumerate(kinds):
        pattern = next(client for client in own.values() if client["connection"] == kind)
        clients[f"client-{number:02d}"] = _moved(pattern, number)
    return {**example, "clients": clients}


def _moved(client: Mapping[str, Any], number: int) -> Tables:
    moved = {**client, "vpc": f"10.{100 + number}.0.0/16", "prefixes": [f"2001:db8:{0x1000 + number:x}::/48"]}
    if "gateway" in client:
        moved["gateway"] = f"203.0.113.{10 + number}"
    return moved
