"""Sentences and column settings that more than one dashboard needs."""

from __future__ import annotations

from voiceprobe_operator.dashboards.panels import DASHED, Json, coloured, measure, wide
from voiceprobe_operator.dashboards.queries.text import DIRECTIONS

WORST = "The worst 5 % is the value that one call in twenty is worse than."
ANSWER_RATE = "Answer rate: the share of the valid calls that were answered."
SLA = (
    "SLA compliance: the share of the valid calls that were answered, heard in both directions, and with a MOS in both"
    " that is not below the probe's warning threshold as it is now."
)


NONE_ANSWERED = "No answered call in this time range"

# Units of the columns that queries name alike.
MOS = measure("none", 2)
RATES: dict[str, Json] = {
    "Calls": measure("locale"),
    "Answer rate": measure("percent", 1),
    "SLA compliance": measure("percent", 1),
}
# The text for no calls would stand in place of the one value that is not there, and make all others small.
RATES_AND_MOS: dict[str, Json] = {
    **RATES,
    **{f"MOS, {which}": MOS | {"noValue": "–"} for which in ("median", "worst 5 %")},
}
RATES_IN_TABLE: dict[str, Json] = {
    "Calls": RATES["Calls"] | wide(70),
    "Answer rate": RATES["Answer rate"] | wide(100),
    "SLA compliance": RATES["SLA compliance"] | wide(125),
    "MOS, worst 5 %": MOS | wide(130),
}
TIME: Json = {"unit": "dateTimeAsIso", **wide(170)}

# A direction has one colour wherever it is drawn, none of the three that judge; what is worse is dashed.
LINES: dict[str, Json] = {
    **{f"/^{direction}/": coloured(hue) for (_, direction), hue in zip(DIRECTIONS, ("blue", "purple"), strict=True)},
    "/^(median|worst 5 %)$/": coloured("blue"),
    "/worst 5 %$/": DASHED,
}
SHARE_LINES: dict[str, Json] = {"Answer rate": coloured("blue"), "SLA compliance": coloured("purple")}
OUTCOME_BARS: dict[str, Json] = {
    "/answered$/": coloured("green"),
    "/busy$/": coloured("yellow"),
    "/(no_answer|timeout|interrupted)$/": coloured("orange"),
    "/failed$/": coloured("red"),
    "/configuration_error$/": coloured("purple"),
}
