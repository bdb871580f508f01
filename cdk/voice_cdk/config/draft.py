"""What could be read of a file, before it is known to be right as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from voice_cdk.config import schema
from voice_cdk.config.keys import Section


@dataclass(frozen=True, kw_only=True)
class Draft:
    """The tables of a file. A value that was refused is None in them, and an item that was refused is left out."""

    top: Section
    portal: Section
    database: Section
    cluster: Section
    hosts: Section
    clients: dict[str, Section]

    def instance_types(self) -> Iterator[tuple[str, str]]:
        """Yield every type of instance with the path of its key."""
        for which in schema.HOSTS:
            if found := self.hosts.get(which):
                yield self.hosts.at(which), found
        if found := self.cluster.get(schema.NODE_TYPE):
            yield self.cluster.at(schema.NODE_TYPE), found
