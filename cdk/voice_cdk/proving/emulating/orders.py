"""Orders in which CloudFormation may make resources: it promises only that what one names is made before it."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping
from random import Random

from voice_cdk.judge.keys import Key
from voice_cdk.judge.order import Order
from voice_cdk.judge.resolve import Resolver


def orders(resolver: Resolver, seed: int) -> Iterator[list[Key]]:
    """Two orders that differ as much as they can: what comes early in one comes late in the other."""
    keys = sorted(resolver.keys)
    Random(seed).shuffle(keys)  # noqa: S311 - nobody has to be kept from guessing it
    early = {key: number for number, key in enumerate(keys)}
    waits = _waits(resolver)
    yield _as_early_as_may_be(waits, early)
    yield _as_early_as_may_be(waits, {key: -number for key, number in early.items()})


def _waits(resolver: Resolver) -> Mapping[Key, frozenset[Key]]:
    """What each resource waits for: what it names, and all of the stacks that its own is deployed after."""
    order = Order(resolver)
    of_stack: dict[str, set[Key]] = defaultdict(set)
    for key in resolver.keys:
        of_stack[key.stack].add(key)
    earlier = {name: frozenset().union(*(of_stack[one] for one in before)) for name, before in order.stacks.items()}
    return {key: order.direct(key) | earlier[key.stack] for key in resolver.keys}


def _as_early_as_may_be(waits: Mapping[Key, frozenset[Key]], rank: Mapping[Key, int]) -> list[Key]:
    """All resources, of those that may be made next always the first by `rank`. What waits for itself is left out."""
    missing = {key: len(before) for key, before in waits.items()}
    followers: dict[Key, list[Key]] = defaultdict(list)
    for key, before in waits.items():
        for one in before:
            followers[one].append(key)
    free = [(rank[key], key) for key, number in missing.items() if not number]
    heapq.heapify(free)
    done = []
    while free:
        _, key = heapq.heappop(free)
        done.append(key)
        for one in followers[key]:
            missing[one] -= 1
            if not missing[one]:
                heapq.heappush(free, (rank[one], one))
    return done
