"""Messages as far ends write them, read as the SIP host reads them."""

from voice_sipapp.signalling.sip.message import framed, understood
from voice_sipapp.signalling.sip.translated import Response

ANSWER = (
    "Via: SIP/2.0/UDP [::1]:9;branch=z9hG4bK1", "From: <sip:own@example.net>;tag=own",
    "To: <sip:far@example.net>;tag=far", "Call-ID: one@call", "CSeq: 1 INVITE",
)  # fmt: skip


def an_answer(line: str, *headers: str) -> Response:
    """An answer to an INVITE with the first line `line`, and those header fields besides."""
    text = "\r\n".join([line, *ANSWER, *headers, "Content-Length: 0", "", ""])
    return Response(understood(framed(text.encode())), "")
