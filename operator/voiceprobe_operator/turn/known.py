"""What is known of one client's outside: what MySQL and Grafana hold, as it was looked at or written last.

It saves asking again for each change. Whatever throws doubt on it (a write that failed, a Grafana that was away, the
time between two resyncs) drops it, and the next look is a whole one.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from voiceprobe_operator.database.sql import Published
from voiceprobe_operator.desired import Access
from voiceprobe_operator.errors import Rejected
from voiceprobe_operator.grafana.organisation import Organisation
from voiceprobe_operator.model import Reference


@dataclass(slots=True)
class Known:
    """Nothing, at first. `refused_*`: what would be written and is not, as it was refused and has not changed."""

    published: Published | None = None
    access: Access | None = None
    account_works: bool = False
    organisation: Organisation | None = None
    secrets: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    refused_rows: dict[str, Rejected] = field(default_factory=dict)
    refused_boards: dict[str, Rejected] = field(default_factory=dict)
    told: dict[Reference, Hashable] = field(default_factory=dict)
