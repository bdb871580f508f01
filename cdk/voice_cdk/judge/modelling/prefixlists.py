"""Managed prefix lists: names for several blocks, in rules and routes."""

from __future__ import annotations

from voice_cdk.judge.model import Network
from voice_cdk.judge.modelling.reader import Reader, Source

KIND = "AWS::EC2::PrefixList"


def blocks(source: Source, reader: Reader, name: str) -> tuple[Network, ...]:
    """Blocks of the list that a property names; of one that these templates don't hold, a fault and nothing."""
    owner = source.owner(reader.text(name), KIND)
    if owner is None:
        reason = f"{name} {reader.text(name)} is no prefix list of these templates: what it lets pass is not followed"
        reader.wrong(reason, "not judged")
        return ()
    found = Reader(source, owner, source.resolver.properties(owner))
    return tuple(block for entry in found.parts("Entries") if (block := entry.network("Cidr")))
