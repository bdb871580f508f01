"""What a provider answered, whatever the protocol."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from voice_portal.federation.persons import Person


@dataclass(frozen=True)
class Answer:
    """Somebody whom the provider vouches for.

    Attributes:
        once: what is the same if this answer comes again, and of no other.
        parting: what the provider must be told to end its session; of a token, nothing else is kept.
    """

    person: Person
    once: str
    parting: Mapping[str, str] = field(repr=False)
