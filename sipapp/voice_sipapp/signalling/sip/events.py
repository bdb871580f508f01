"""What a leg tells of its far end (RFC 3261). `at` is a moment of the stack's clock, in seconds."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Invited:
    """The far end invites us and offers `description`; "" where it leaves the offer to us."""

    description: str


@dataclass(frozen=True)
class Acknowledged:
    """The far end has got our 200."""

    description: str
    at: float


@dataclass(frozen=True)
class Progress:
    """A provisional answer to our INVITE, beyond 100."""

    code: int
    reason: str
    description: str
    at: float


@dataclass(frozen=True)
class Answered:
    """A 2xx to our INVITE."""

    code: int
    reason: str
    description: str
    at: float


@dataclass(frozen=True)
class Rejected:
    """A final answer to our INVITE beyond 3xx, or none at all (code 0 or 408); or the far end took its own back."""

    code: int
    reason: str
    at: float


@dataclass(frozen=True)
class Redirected:
    """A 3xx to our INVITE. `contacts` are the URIs that it points to, the most wanted first."""

    code: int
    reason: str
    contacts: tuple[str, ...]
    at: float


@dataclass(frozen=True)
class HungUp:
    """The dialog is at its end, by the far end's doing or because it went without a sign of life."""

    at: float


Event = Invited | Acknowledged | Progress | Answered | Rejected | Redirected | HungUp
Handler = Callable[[Event], None]
