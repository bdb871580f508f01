"""What a session timer asks for (RFC 4028). Pure."""

import re
from typing import Any

MARGIN_S = 32.0
"""How long before a session runs out its end is certain: a refresh that began later could not be answered any more."""


def asked(message: Any) -> tuple[int, str | None] | None:  # noqa: ANN401 - the stack is untyped
    """Seconds and refresher ("uac", "uas") of the session timer that `message` asks for; None: it asks for none."""
    for name in ("session-expires", "x"):
        if message.countHFs(name):
            text = str(message.getHFBody(name))
            found = re.match(r"\s*([0-9]{1,9})", text)
            refresher = re.search(r"refresher\s*=\s*(uac|uas)", text, re.IGNORECASE)
            return (int(found[1]), refresher[1].lower() if refresher else None) if found else None
    return None


def patience_s(interval_s: float) -> float:
    """How long after its last refresh a session of `interval_s` is ended (section 10)."""
    return interval_s - min(MARGIN_S, interval_s / 3)
