"""Contact header fields (RFC 3261, section 20.10), read from their text. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from voice_sipapp.signalling.sip import grammar
from voice_sipapp.signalling.sip.grammar import GrammarError

_Q = re.compile(r"[01]|[01]?\.[0-9]{1,3}|[01]\.")
_SECONDS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Contact:
    """One: its URI, how much it is wanted (`q`, 0 … 1), and for how many seconds it is kept, where that is said."""

    uri: str
    q: float = 1.0
    expires: int | None = None


def preferred(values: Iterable[str]) -> tuple[Contact, ...]:
    """The contacts in `values`, one each, the most wanted first; what holds none is left out.

    URIs stay as they were written, of whatever scheme: a person should be told what it is that can't be called.
    """
    found = []
    for value in values:
        try:
            read = grammar.address(value, strict=False)
        except GrammarError:
            continue
        q, expires = (grammar.unquoted((read.parameter(name) or "").strip()) for name in ("q", "expires"))
        wanted = min(float(q), 1.0) if _Q.fullmatch(q) else 1.0
        found.append(Contact(read.uri, wanted, int(expires) if _SECONDS.fullmatch(expires) else None))
    return tuple(sorted(found, key=lambda each: -each.q))
