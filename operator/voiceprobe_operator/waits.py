"""What the operator waits for outside: told in the log when it begins, changes and ends, at /readyz always."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)


class Waits:
    """The reasons to wait, each by the part of the operator that has it."""

    def __init__(self) -> None:
        self._sentences: dict[str, str] = {}

    def because(self, who: str, sentence: str) -> None:
        """That part cannot go on, for this reason."""
        if self._sentences.get(who) != sentence:
            log.warning("%s: %s", who, sentence)
        self._sentences[who] = sentence

    def over(self, who: str) -> None:
        """That part goes on."""
        if self._sentences.pop(who, None) is not None:
            log.info("%s: goes on", who)

    def knows(self, sentence: str) -> bool:
        """Whether this reason has been told."""
        return sentence in self._sentences.values()

    def sentences(self) -> list[str]:
        """All reasons, each once."""
        return list(dict.fromkeys(self._sentences.values()))
