"""Months as a client counts them: in its own time zone, where one may be an hour longer or shorter. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

PATTERN = "20[0-9]{2}-(?:0[1-9]|1[0-2])"


@dataclass(frozen=True, order=True)
class Month:
    """A month of a calendar; of which zone, whoever uses it says."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> "Month":
        """The month that `2026-10` names; raises ValueError for anything else."""
        if not re.fullmatch(PATTERN, text):
            raise ValueError(f"{text!r} is no month: write it as 2026-10")
        year, number = text.split("-")
        return cls(int(year), int(number))

    @classmethod
    def of(cls, at: datetime, zone: tzinfo) -> "Month":
        """The month that `at` (with a time zone) lies in, in `zone`."""
        local = at.astimezone(zone)
        return cls(local.year, local.month)

    def __str__(self) -> str:
        return f"{self.year}-{self.number:02}"

    @property
    def label(self) -> str:
        """How a person reads it: `October 2026`."""
        return f"{datetime(self.year, self.number, 1, tzinfo=UTC):%B} {self.year}"

    @property
    def next(self) -> "Month":
        """The month after it."""
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    @property
    def previous(self) -> "Month":
        """The month before it."""
        return Month(self.year - (self.number == 1), (self.number - 2) % 12 + 1)

    def start(self, zone: tzinfo) -> datetime:
        """When it begins in `zone`, in UTC. Where clocks skip its midnight: at that moment."""
        # In two steps: what is subtracted from times of one zone ignores that its clocks are changed.
        return datetime(self.year, self.number, 1, tzinfo=zone).astimezone(UTC)

    def end(self, zone: tzinfo) -> datetime:
        """When the next one begins."""
        return self.next.start(zone)


def months_between(first: Month, last: Month, limit: int) -> list[Month]:
    """The months from `first` to `last`, newest first; the newest `limit` of them."""
    found: list[Month] = []
    while last >= first and len(found) < limit:
        found.append(last)
        last = last.previous
    return found
