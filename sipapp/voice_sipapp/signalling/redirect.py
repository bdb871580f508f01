"""Where a call goes on that was answered with 3xx (RFC 3261, section 8.1.3.4). Pure."""

import re
from collections.abc import Sequence

from voice_sipapp.plan.sipuri import SipUri, SipUriError

NOT_FOLLOWED = frozenset({305, 380})
"""What asks for something else than a call to another address. A code of 3xx that nobody knows is as 300 (RFC 3261,
section 8.1.3.2).
"""

MOST, MOST_TARGETS = 5, 10
"""How many redirects one call follows, and how many targets it tries."""


class RedirectError(ValueError):
    """The call can't go on; the text says why."""


class Targets:
    """Where one call may go, each once. What a 3xx points to is tried before what an earlier one left over (section
    8.1.3.4). `notes` tell of what did not come to anything, a sentence each.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.redirects = 0
        """How often a 3xx answer was followed."""
        self._tried: list[str] = []
        self._waiting: list[SipUri] = []

    @property
    def begun(self) -> bool:
        """Whether any was tried."""
        return bool(self._tried)

    @property
    def waits(self) -> bool:
        """Whether there is another one to try."""
        return bool(self._waiting)

    def tries(self, target: SipUri) -> None:
        """The call goes to `target` now."""
        self._tried.append(target.text)

    def found(self, contacts: Sequence[str], before: SipUri) -> str | None:
        """A 3xx of `before` points to `contacts`, the most wanted first. What stands against them, None where one can
        be tried.
        """
        if self.redirects >= MOST:
            return f"redirected more than {MOST} times"
        new: list[SipUri] = []
        problems: list[str] = []
        for contact in contacts:
            try:
                uri = callable_at(contact, before)
            except RedirectError as error:
                problems.append(str(error))
                continue
            if uri.text in self._tried:
                problems.append(f"redirected in a circle, to {contact} again")
            elif uri.text not in (each.text for each in new):
                new.append(uri)
        room = max(0, MOST_TARGETS - len(self._tried))
        left_over = [each for each in self._waiting if each.text not in (one.text for one in new)]
        self._waiting = [*new, *left_over][:room]
        if not (new and room):
            return (problems or ["redirected to nowhere"])[-1]
        self.redirects += 1
        self.notes += problems
        return None

    def next(self) -> SipUri | None:
        """The next one to try; None where none is left."""
        return self._waiting.pop(0) if self._waiting else None


def callable_at(contact: str, before: SipUri) -> SipUri:
    """The URI in `contact` as a request is sent to it (section 19.1.5). A telephone number, which is at no host, is
    called in the domain of `before` (section 19.1.6), unless that is just what was called. Raises RedirectError where
    nobody can be called.
    """
    try:
        uri = SipUri.parse(contact)
        if uri.scheme == "tel" and _digits(uri.user) == _digits(before.user):
            raise RedirectError(f"redirected to {contact}, which can't be called: it is the number that was called")
        if (uri.parameter("method") or "INVITE").upper() == "INVITE":
            return uri.at(before) if uri.scheme == "tel" and before.host else uri.as_request_uri
    except SipUriError as error:
        raise RedirectError(f"redirected to {contact}, which can't be called") from error
    raise RedirectError(f"redirected to {contact}, which is not to be invited")


def _digits(number: str | None) -> str:
    """A telephone number without what only parts it (RFC 3966, section 5.1.1)."""
    return re.sub(r"[-.()]", "", number or "")
