"""What the words of a report mean, as it says itself; docs/reports.md has the formulas. Pure."""

DEFINITIONS = (
    (
        "Call that counts",
        "A test call that its measuring host did not spoil. It stands for the time from its begin to the begin of the"
        " next one of its probe, but for three intervals at most: that time is covered.",
    ),
    ("Coverage", "Covered time, of the time of the month (so far) in which the probe existed."),
    (
        "Availability",
        "Covered time whose call was answered and heard in both directions, of all covered time. Time that is not"
        " covered counts neither way: see coverage.",
    ),
    ("Answer rate", "Answered calls, of all that count."),
    (
        "Good calls",
        "Calls that were answered, heard in both directions, and whose MOS was not below the warning threshold in"
        " either; of all that count.",
    ),
    ("Time below threshold", "Covered time whose call was not good."),
    (
        "Incident",
        "An unbroken run of unhealthy calls of a probe: not answered, not heard, or with a figure beyond its critical"
        " threshold. It begins with the first of them, and ends where the first call after them begins.",
    ),
    (
        "MOS",
        "Mean opinion score of the conversation by the E-model (ITU-T G.107, G.107.1), as 5th percentile · median ·"
        " mean. Forward is what the receiver heard, reverse what the dialer heard. Calls with wideband sound are on a"
        " scale of their own and counted apart.",
    ),
    ("Post-dial delay", "From the call's first INVITE to ringing; 95 % of calls were not slower."),
    ("All probes", "Each probe counts by its time and its calls."),
)

ROUNDING = "Shares are rounded down, so that 100 % means all of it."


def remarks(*, is_so_far: bool, has_deleted: bool) -> list[str]:
    """What has to be known of this very report."""
    found = [
        "Calls are judged by the thresholds that the probes had when this was made, not by those at the time of the"
        " call."
    ]
    if is_so_far:
        found.insert(0, "The month is not over: these are the figures so far.")
    if has_deleted:
        found.append(
            "Probes marked as deleted are no longer in the plan. Their thresholds are not known, so there are neither"
            " good calls nor incidents of theirs; their interval is taken to be the usual time between their calls."
        )
    return found
