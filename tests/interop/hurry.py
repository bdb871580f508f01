"""The times of a dialog, shortened: until nobody answers, until a session is refreshed, until one tries again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from voice_sipapp.signalling import outcome, receiver
from voice_sipapp.signalling.sip import freshness, refresher

LONG = {"duration_ms": 2500}
"""What a probe has whose calls last until such a time has come."""


@contextmanager
def hurried() -> Iterator[None]:
    """While this lasts these times are short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(freshness, "SHORTEST_REFRESH_S", 0.1)
        patch.setattr(refresher, "RETRY_S", 0.2)
        patch.setattr(refresher, "OWN_GLARE_S", (0.2, 0.4))
        patch.setattr(outcome, "NO_ANSWER_MS", 900)
        patch.setattr(receiver, "OVERSTAY_MS", 200)
        yield
