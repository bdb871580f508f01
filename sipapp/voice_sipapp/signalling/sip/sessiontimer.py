"""What a session timer asks for (RFC 4028). Pure."""

import re
from collections.abc import Sequence

HEADERS = ("session-expires", "x")
"""The header field that a timer is asked for with, and its compact form."""

MARGIN_S = 32.0
"""How long before a session runs out its end is certain: a refresh that began later could not be answered any more."""


def asked(values: Sequence[str]) -> tuple[int, str | None] | None:
    """Seconds and refresher ("uac", "uas") of the session timer that a message asks for, of which `values` are those of
    its Session-Expires; None: it asks for none.
    """
    if not values:
        return None
    found = re.match(r"\s*([0-9]{1,9})", values[0])
    refresher = re.search(r"refresher\s*=\s*(uac|uas)", values[0], re.IGNORECASE)
    return (int(found[1]), refresher[1].lower() if refresher else None) if found else None


def patience_s(interval_s: float) -> float:
    """How long after its last refresh a session of `interval_s` is ended (section 10)."""
    return interval_s - min(MARGIN_S, interval_s / 3)


def shortest(values: Sequence[str]) -> int:
    """The shortest interval that a far end takes, of whose Min-SE `values` are, in seconds; 0 where it does not say."""
    return _whole(values)


def retry_after(values: Sequence[str]) -> float:
    """How long to wait before the next try (RFC 3261, section 20.33), in seconds; 0 where nothing is said."""
    return float(_whole(values))


def _whole(values: Sequence[str]) -> int:
    return next((int(found[1]) for each in values if (found := re.match(r"\s*([0-9]{1,9})", each))), 0)
