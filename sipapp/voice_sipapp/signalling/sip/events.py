"""What an endpoint and its legs tell of far ends (RFC 3261). `at` is a moment of the stack's clock, in seconds."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Invite:
    """What is known of an INVITE that came in. `header` is the call header's text, None where there is none; `source`
    the sender's address and port; `description` the offer ("" where there is none).
    """

    header: str | None
    request_user: str | None
    to_user: str | None
    from_user: str | None
    source: str
    description: str


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
    """A 2xx to our INVITE. `description` is "" where the last provisional answer said it all, or nothing was said;
    `settled`: that answer was of the same party, and described the session.
    """

    code: int
    reason: str
    description: str
    at: float
    settled: bool = False


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
