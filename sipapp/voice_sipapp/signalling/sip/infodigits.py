"""Digits that are told of in an INFO, not sent with the sound: `application/dtmf-relay`, `application/dtmf`. No RFC has
them; RFC 6086 (section 4.2.2 and appendix A) leaves what older devices do as it is.

| body | holds |
|---|---|
| `application/dtmf-relay` | lines `Signal=5` and `Duration=160`; the duration says nothing that is needed here |
| `application/dtmf` | the digit alone; of some devices the same lines |

A digit is its own sign, or the code of its event (RFC 4733, section 3.2): 10 is the star, 11 the hash, 12 to 15 are A
to D, 16 is a hook flash, which is no digit.
"""

import re
from typing import Any

from voice_sipapp.media.dtmf import DIGITS
from voice_sipapp.signalling.sip import body, grammar
from voice_sipapp.signalling.sip.headers import header, values
from voice_sipapp.signalling.sip.message import Message, MessageError
from voice_sipapp.signalling.sip.offers import Media
from voice_sipapp.signalling.sip.refusals import warning

RELAY, PLAIN = "application/dtmf-relay", "application/dtmf"
TAKEN = (RELAY, PLAIN)

_FLASH = frozenset({"16", "!", "F", "FLASH"})
_SIGNAL = re.compile(r"^[ \t]*Signal[ \t]*=[ \t]*([^\r\n]*?)[ \t]*\r*$", re.MULTILINE | re.IGNORECASE)

Answer = tuple[int, str, tuple[Any, ...]]
"""Code, reason phrase and header fields."""


class Pressed:
    """The INFOs of one dialog. One that comes once more, under the same CSeq, is answered and counts once."""

    def __init__(self) -> None:
        self._last: dict[str | None, int] = {}

    def answer(self, request: Any, media: Media | None) -> Answer:  # noqa: ANN401 - the stack is untyped
        """What the INFO `request` is answered with; `media` is told of the digits in it."""
        if values(request, "info-package"):
            return 469, "Bad Info Package", (header("Recv-Info", ""),)  # RFC 6086, section 4.2.2
        try:
            found = digits(request.whole)
        except MessageError as error:
            more = [header(*line.split(": ", 1)) for line in error.more]
            return error.code, error.phrase, (*more, header("Warning", warning(error)))
        party, number = request.getHFBody("from").getTag(), request.getHFBody("cseq").getCSeqNum()
        if found and media is not None and number > self._last.get(party, -1):
            media.pressed(found)
        if party in self._last or len(self._last) < body.MOST_PARTS:  # each fork numbers its requests for itself
            self._last[party] = max(number, self._last.get(party, -1))
        return 200, "OK", ()


def digits(message: Message) -> str:
    """The digits in the body of the INFO `message`; "" where it has none to tell of. Raises MessageError: 400 where the
    body is malformed, 415 where it must be understood and is not.
    """
    found = ""
    for part in body.parts(message):
        if part.type in TAKEN or (part.type == body.SDP and not message.all("content-type")):
            found += _digit(part.content)
        elif part.handling == "required":
            raise MessageError(
                f"its body is {grammar.shown(part.type)}, which tells of no digits", 415, "Unsupported Media Type",
                f"Accept: {', '.join(TAKEN)}",
            )  # fmt: skip
    return found


def _digit(content: str) -> str:
    signal = _SIGNAL.search(content)
    sign = (signal[1] if signal else content.strip()).upper()
    if len(sign) == 1 and sign in DIGITS:
        return sign
    if re.fullmatch("1[0-5]", sign):
        return DIGITS[int(sign)]
    if sign in _FLASH:
        return ""
    raise MessageError(f"{grammar.shown(sign)} is no digit")
