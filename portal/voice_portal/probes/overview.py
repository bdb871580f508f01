"""What the overview of a client says: each probe's state with its reasons, since when, and how the chosen time went."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.cache import cache

from voice_portal.cdr import queries, standing
from voice_portal.cdr.models import Client, ProbeState
from voice_portal.cdr.standing import Standing
from voice_portal.probes import health
from voice_portal.probes.health import Health
from voice_portal.probes.scales import fitted
from voice_portal.probes.since import Since, since
from voice_portal.probes.sparks import Spark, in_words, spark

RANGES = {"6h": timedelta(hours=6), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
DEFAULT_RANGE = "24h"
SPARK_SLOTS = 36
KEPT_SHARE = 360
"""Of a range: for as long a part of it a process keeps what its calls come to."""


@dataclass(frozen=True)
class Card:
    """A probe: `reasons` are sentences, none for a healthy one; `standing` is of the chosen time."""

    state: ProbeState
    health: Health
    outcome: str
    reasons: list[str]
    since: Since | None
    standing: Standing
    spark: Spark

    @property
    def is_incident(self) -> bool:
        """Whether somebody should look at it now. A probe that was never called is not in trouble yet."""
        return bool(self.reasons)


@dataclass(frozen=True)
class Past:
    """What all calls of a range come to, by probe: how it stood, and the worst MOS of each slot of the small line."""

    stood: Mapping[str, Standing]
    lines: Mapping[str, list[float | None]]
    span: str


@dataclass(frozen=True)
class Overview:
    """A client at `now`: its probes, those that need attention first, and all of their calls since `start`.

    `span` is the time that the small lines show, in words; it is shorter than the chosen one where calls began later.
    """

    cards: list[Card]
    counts: list[tuple[Health, int]]
    total: Standing
    now: datetime
    span: str

    @property
    def incidents(self) -> list[Card]:
        """The probes that need attention, worst first."""
        return [card for card in self.cards if card.is_incident]


def overview(client: Client, chosen: str, now: datetime) -> Overview:
    """The overview of `client` over the range called `chosen`, until `now`.

    States and their reasons are those of this moment; what all calls of the range come to, some of which a process
    keeps for others who ask, may be as old as a 360th of the range: a minute of six hours.
    """
    states = list(ProbeState.objects.for_client(client.client))
    past = _past(client.client, chosen, now)
    total = standing.total(past.stood.values())
    return Overview(_cards(states, past, now), health.count(states), total, now, past.span)


def _past(client: str, chosen: str, now: datetime) -> Past:
    """What all calls of the range come to: as it is kept, or from the server by four questions."""
    key = f"overview-{chosen}-{client}"
    known = cache.get(key)
    if isinstance(known, Past):
        return known
    start = now - RANGES[chosen]
    stood = standing.standings(client, start)
    drawn_from = fitted(start, now, queries.first_call_since(client, start))
    slot_seconds = math.ceil((now - drawn_from) / SPARK_SLOTS / timedelta(seconds=1))
    lines = queries.worst_mos(client, drawn_from, slot_seconds, SPARK_SLOTS)
    found = Past(stood, lines, in_words(now - drawn_from))
    cache.set(key, found, (RANGES[chosen] / KEPT_SHARE).total_seconds())
    return found


def _cards(states: Sequence[ProbeState], past: Past, now: datetime) -> list[Card]:
    def card(state: ProbeState) -> Card:
        line = spark(past.lines.get(state.probe, []), float(state.mos_critical), past.span)
        known = past.stood.get(state.probe)
        stands = Standing() if known is None else known
        told = health.reasons(state)
        begun = since(state, known, now)
        return Card(state, Health(state.health), health.outcome(state), told, begun, stands, line)

    return sorted(map(card, states), key=lambda card: (card.health.severity, card.state.display_name.casefold()))
