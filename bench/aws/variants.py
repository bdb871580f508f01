"""Platforms that are all right, each a switch or a size apart from the example: a fault there is a false alarm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from voice_cdk.documenting.sizes import Tables, with_clients


def variants(example: Tables) -> Iterator[tuple[str, Tables]]:
    """Names and tables, the example first."""
    yield "example", example
    yield "native", {**example, "db_access": "native"}
    yield "managed", {**example, "db_access": "managed"}
    yield "own_prefix", {**example, "nat64_prefix": "own"}
    yield "sip_by_ipv4", {**example, "clients": _tunnels_by_ipv4(example["clients"])}
    yield "three_zones", {**example, "zones": [*example["zones"], f"{example['region']}c"]}
    yield "zones_swapped", {**example, "zones": example["zones"][::-1]}
    yield "open_portal", {**example, "portal": {**example["portal"], "allowed": ["0.0.0.0/0", "::/0"]}}
    yield "open_cluster", {**example, "cluster": {**example["cluster"], "allowed": ["198.51.100.0/24"]}}
    yield "one_tunnel", with_clients(example, tunnels=1, trunks=0)
    yield "one_trunk", with_clients(example, tunnels=0, trunks=1)
    yield "ten_clients", with_clients(example, tunnels=8, trunks=2)


def _tunnels_by_ipv4(clients: Tables) -> Tables:
    return {
        name: {**client, "sip_family": "ipv4"} if client["connection"] == "tunnel" else client
        for name, client in clients.items()
    }


def toml(tables: Tables) -> str:
    """Tables as TOML: values are texts, numbers and lists of them, which TOML writes as JSON does."""
    return "\n".join(_lines(tables, ()))


def _written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _lines(table: Tables, path: tuple[str, ...]) -> Iterator[str]:
    if path:
        yield f"[{'.'.join(map(_written, path))}]"
    inner: dict[str, Any] = {name: value for name, value in table.items() if isinstance(value, dict)}
    yield from (f"{name} = {_written(value)}" for name, value in table.items() if name not in inner)
    for name, value in inner.items():
        yield from _lines(value, (*path, name))
