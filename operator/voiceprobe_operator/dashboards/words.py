"""Sentences and column settings that more than one dashboard needs."""

from __future__ import annotations

from voiceprobe_operator.dashboards.panels import Json, measure

WORST = "The worst 5 % is the value that one call in twenty is worse than."
ANSWER_RATE = "Answer rate: the share of the valid calls that were answered."
SLA = (
    "SLA compliance: the share of the valid calls that were answered, heard in both directions, and with a MOS in both"
    " that is not below the probe's warning threshold as it is now."
)


# Units of the columns that queries name alike.
MOS = measure("none", 2)
RATES: dict[str, Json] = {
    "Calls": measure("short"),
    "Answer rate": measure("percent", 1),
    "SLA compliance": measure("percent", 1),
}
WORST_MOS: dict[str, Json] = {"MOS, worst 5 %": MOS}
RATES_AND_MOS: dict[str, Json] = {**RATES, "MOS, median": MOS, **WORST_MOS}
