"""Offers and answers within one dialog (RFC 3264): whose turn it is, and what is said to a new offer (RFC 3261 section
14, RFC 3311, RFC 6337).
"""

import logging
from dataclasses import dataclass
from typing import Protocol

RETRY_AFTER_S = 2
"""When an offer may be repeated that came too early."""

log = logging.getLogger(__name__)


class Media(Protocol):
    """What is asked about the media of a leg when the far end negotiates anew."""

    def answer_again(self, offer: str) -> str:
        """Our answer to `offer`. Raises ValueError where it can't be followed; then nothing changes."""

    def offer_again(self) -> str:
        """Our description of the session as it stands."""

    def offer_anew(self) -> str:
        """Our offer of all that this leg could do."""

    def agree_again(self, answer: str) -> None:
        """The far end's answer to an offer of ours within the call. Raises ValueError, and then nothing changes."""

    def signalled(self, host: str) -> None:
        """The far end's messages come from `host`, an address as it stands in a URI."""

    def pressed(self, digits: str) -> None:
        """The far end tells of `digits` in its messages."""


@dataclass(frozen=True)
class Response:
    """What a request within the dialog is answered with. `offers`: the description is an offer; the ACK answers it."""

    code: int
    reason: str
    description: str | None = None
    retry_after_s: int | None = None
    offers: bool = False


PENDING = Response(491, "Request Pending")
NOT_YET = Response(500, "Server Internal Error", retry_after_s=RETRY_AFTER_S)


class Offers:
    """Those of one dialog. `ours`: an offer of ours waits for its answer; `theirs`: one of the far end for ours."""

    def __init__(self, media: Media | None) -> None:
        self._media = media
        self.ours = self.theirs = False

    def response(self, name: str, offer: str, *, invites: bool) -> Response:
        """What a re-INVITE (`invites`) or an UPDATE with the description `offer` ("" without one) is answered with; the
        call is `name`.
        """
        if not (offer or invites):
            return Response(200, "OK")
        if self.ours or self.theirs:
            return PENDING if self.ours else NOT_YET
        if self._media is None:
            return Response(488, "Not Acceptable Here")
        try:
            text = self._media.answer_again(offer) if offer else self._media.offer_anew()
            return Response(200, "OK", text, offers=not offer)
        except ValueError as error:
            log.warning("call %s: a new offer is not followed: %s", name, error)
            return Response(488, "Not Acceptable Here")
        except Exception:
            log.exception("call %s: a new offer could not be handled", name)
            return Response(500, "Server Internal Error")

    def again(self) -> str | None:
        """Our description of the session as it stands, which is offered now; None where it can't be."""
        if self._media is None or self.ours or self.theirs:
            return None
        self.ours = True
        return self._media.offer_again()

    def answered(self, name: str, answer: str) -> None:
        """The far end's `answer` to an offer of ours within the call `name`; where it has none, or can't be used, the
        session stays as it is.
        """
        self.ours = False
        if not answer or self._media is None:
            return
        try:
            self._media.agree_again(answer)
        except ValueError as error:
            log.warning("call %s: the answer to our offer can't be used: %s", name, error)
