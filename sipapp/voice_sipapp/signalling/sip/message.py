"""SIP messages as they came: octets, read by RFC 3261's grammar. Pure.

`framed` parts a datagram into first line, header fields and body; `understood` looks at what every message must have
(section 8.1.1). What is wrong is told as MessageError: the reason, and what a request is then answered with. A request
must be right; of an answer, which nobody can be asked to send anew, only what is needed must be.
"""

import re
from dataclasses import dataclass, field

from voice_sipapp import octets
from voice_sipapp.plan.sipuri import SipUri, SipUriError, UnknownSchemeError
from voice_sipapp.signalling.sip import grammar
from voice_sipapp.signalling.sip.grammar import Address, GrammarError, Via

COMPACT = {
    "i": "call-id", "m": "contact", "e": "content-encoding", "l": "content-length", "c": "content-type", "f": "from",
    "s": "subject", "k": "supported", "t": "to", "v": "via", "u": "allow-events", "o": "event", "r": "refer-to",
    "b": "referred-by", "x": "session-expires", "a": "accept-contact", "d": "request-disposition",
    "j": "reject-contact", "y": "identity", "n": "identity-info",
}  # fmt: skip
"""The long names of header fields with a short one (section 7.3.3, and IANA's registry of header fields)."""

MOST_LINES = 500
"""Lines of a head, at most: a datagram of 65,535 octets has room for more, and no honest one has."""

_ONCE = ("from", "to", "call-id", "cseq", "max-forwards", "content-type")
"""Header fields of which a message has one at most (section 20)."""

_LINE_END = 2
"""Octets of CRLF."""

_NEEDED = ("via", "from", "to", "call-id", "cseq")
_REFRESHING = frozenset({"INVITE", "UPDATE"})
"""Requests whose Contact says where others are sent to."""

_CALLED = ("sip", "sips", "tel")

_STATUS = re.compile(r"SIP/2\.0[ \t]+([1-6][0-9]{2})(?:[ \t]+(.*))?", re.IGNORECASE | re.DOTALL)
_ANY_STATUS = re.compile(r"SIP/[0-9.]+[ \t]", re.IGNORECASE)
_VERSION = re.compile(r"SIP/([0-9]+\.[0-9]+)", re.IGNORECASE)
_LINE = re.compile(r"([-.!%*_+`'~0-9A-Za-z]+)[ \t]*:[ \t]*(.*)", re.DOTALL)


_NOBODY = Address("")


class MessageError(ValueError):
    """A datagram that is no message that we understand; the text says what is wrong, for people. `code` and `phrase`
    are what a request is answered with, `more` header lines of that answer.
    """

    def __init__(self, problem: str, code: int = 400, phrase: str = "Bad Request", *more: str) -> None:
        super().__init__(problem)
        self.code, self.phrase, self.more = code, phrase, more


@dataclass(frozen=True, slots=True)
class Frame:
    """A message in its parts. `text` is all of it (`octets.message`), `headers` are (long name in small letters, value)
    pairs in their order, a folded value on one line; `rest` is what follows the head. `endless` is whether its head has
    more lines than are read, `stray` its first line that is no header field, None where each is one.
    """

    text: str
    first: str
    headers: tuple[tuple[str, str], ...]
    rest: str
    endless: bool = False
    stray: str | None = None

    @property
    def answers(self) -> bool:
        """Whether it is an answer, or means to be."""
        return _ANY_STATUS.match(self.first) is not None

    @property
    def is_sip(self) -> bool:
        """Whether it begins as a message of SIP does, of whatever version."""
        return self.answers or _begins(self.first) is not None

    @property
    def call_id(self) -> str:
        """The Call-ID; "" where it has none."""
        return next((value for name, value in self.headers if name == "call-id"), "")

    def all(self, name: str) -> tuple[str, ...]:
        """The values of the header fields called `name` (long, small letters), as they were written."""
        return tuple([value for each, value in self.headers if each == name])

    def elements(self, name: str) -> list[str]:
        """The elements of those, where each is a list (section 7.3.1)."""
        return [each for value in self.all(name) for each in grammar.elements(value)]


@dataclass(frozen=True, slots=True)
class Message(Frame):
    """A message that was understood. `method` is a request's; of an answer the one that it answers. `code` is an
    answer's, 0 for a request, `reason` its reason phrase, None where it has none. `number` is CSeq's. `body` is as long
    as Content-Length says, an octet a character. `notes` tell what was passed over, a sentence each.
    """

    method: str = ""
    uri: SipUri | None = None
    code: int = 0
    reason: str | None = None
    number: int = 0
    vias: tuple[Via, ...] = ()
    from_: Address = _NOBODY
    to: Address = _NOBODY
    contacts: tuple[Address, ...] = ()
    routes: tuple[Address, ...] = ()
    """Those of its Record-Routes."""
    body: str = ""
    notes: tuple[str, ...] = field(default=())


def framed(datagram: bytes) -> Frame:
    """The parts of the message in `datagram`, whatever is in them."""
    text = octets.message(datagram)
    head, _, rest = text.partition("\r\n\r\n")
    lines = head.removesuffix("\r\n").split("\r\n")
    headers: list[tuple[str, str]] = []
    stray: str | None = None
    goes_on = False
    for line in lines[1:MOST_LINES]:
        if found := _LINE.match(line):
            name = found[1].lower()
            headers.append((COMPACT.get(name, name), found[2].rstrip()))
            goes_on = True
        elif line[:1] in (" ", "\t") and goes_on:
            name, value = headers[-1]
            headers[-1] = name, f"{value} {line.strip()}".strip()
        else:
            goes_on = False  # what is folded after it is its own
            stray = line if stray is None else stray
    return Frame(text, lines[0], tuple(headers), rest, len(lines) > MOST_LINES, stray)


def understood(frame: Frame) -> Message:
    """The message in `frame`. Raises MessageError."""
    if frame.endless:
        raise MessageError(f"it has more than {MOST_LINES} lines before its body")
    try:
        return _answer(frame) if frame.answers else _request(frame)
    except GrammarError as error:
        raise MessageError(str(error)) from error


def _begins(first: str) -> tuple[str, str, str] | None:
    """Method, Request-URI and version of the first line of a request; None where it is none."""
    words = first.split()
    version = _VERSION.fullmatch(words[-1]) if len(words) > 1 and first[:1] not in (" ", "\t") else None
    if version is None:
        return None
    return words[0], first[len(words[0]) : first.rindex(words[-1])].strip(), version[1]


def _no_header_field(line: str) -> str:
    return f"the line {grammar.shown(line)} is no header field"


def _request(frame: Frame) -> Message:
    if frame.stray is not None:
        raise MessageError(_no_header_field(frame.stray))
    begins = _begins(frame.first)
    if begins is None:
        raise MessageError("its first line is none of SIP/2.0")
    if begins[2] != "2.0":
        raise MessageError(f"it is of SIP/{begins[2]}", 505, "Version Not Supported")
    fields = _fields(frame)
    for name in _ONCE:
        if len(fields.get(name, ())) > 1:
            raise MessageError(f"it has more than one {_title(name)}")
    number, method = grammar.cseq(fields["cseq"][0])
    if method != begins[0]:
        raise MessageError(f"its CSeq is of {grammar.shown(method)}, and it is {grammar.shown(begins[0])}")
    if not grammar.is_token(method):
        raise MessageError(f"{grammar.shown(method)} is no method")
    limit = fields.get("max-forwards", ["70"])[0]
    if not (limit.isascii() and limit.isdecimal() and len(limit) <= 20 and int(limit) <= 255):
        raise MessageError(f"{grammar.shown(limit)} is no Max-Forwards")
    if len(frame.call_id.split()) != 1:
        raise MessageError(f"{grammar.shown(frame.call_id)} is no Call-ID")
    return Message(
        frame.text, frame.first, frame.headers, frame.rest,
        method=method,
        uri=_request_uri(begins[1]),
        number=number,
        vias=tuple([grammar.via(each) for value in fields["via"] for each in grammar.elements(value)]),
        from_=_party(fields["from"][0], strict=True),
        to=_party(fields["to"][0], strict=True),
        contacts=_contacts(fields.get("contact", ()), method),
        routes=tuple([_route(each) for value in fields.get("record-route", ()) for each in grammar.elements(value)]),
        body=_body(frame, fields.get("content-length", [])),
    )  # fmt: skip


def _answer(frame: Frame) -> Message:
    begins = _STATUS.fullmatch(frame.first)
    if begins is None:
        raise MessageError(f"its first line is none of SIP/2.0: {_no_status(frame.first)}")
    fields = _fields(frame)
    vias = [each for value in fields["via"] for each in grammar.elements(value) if each]
    if len(vias) > 1:  # section 8.1.3.3
        raise MessageError("it has more than one Via: it was meant for another, or came a wrong way")
    notes = [] if frame.stray is None else [_no_header_field(frame.stray)]
    number, method = grammar.cseq(fields["cseq"][0])
    return Message(
        frame.text, frame.first, frame.headers, frame.rest,
        method=method.upper(),  # ours are in capitals; some far ends write them anew
        code=int(begins[1]),
        reason=(begins[2] or "").strip() or None,
        number=number,
        vias=(grammar.own_via("".join(vias)),),
        from_=_party(fields["from"][0], strict=False),
        to=_party(fields["to"][0], strict=False),
        contacts=_usable_contacts(fields.get("contact", ()), notes),
        routes=_usable_routes(fields.get("record-route", ()), notes),
        body=_answers_body(frame, fields.get("content-length", []), notes),
        notes=tuple(notes),
    )  # fmt: skip


def _no_status(first: str) -> str:
    """What is wrong with the first line of what means to be an answer."""
    version, code = [*first.split(maxsplit=2), ""][:2]
    if version.upper() != "SIP/2.0":
        return f"it is of {grammar.shown(version)}"
    return f"{grammar.shown(code)} is no status code (100 to 699)"


def _fields(frame: Frame) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for name, value in frame.headers:
        fields.setdefault(name, []).append(value)
    for name in _NEEDED:
        if not fields.get(name, [""])[0]:
            raise MessageError(f"it has no {_title(name)}")
    return fields


def _title(name: str) -> str:
    return {"cseq": "CSeq", "call-id": "Call-ID"}.get(name, name.title())


def _request_uri(text: str) -> SipUri:
    try:
        return SipUri.parse(text)
    except UnknownSchemeError as error:
        raise MessageError(f"it asks for {grammar.shown(text)}", 416, "Unsupported URI Scheme") from error
    except SipUriError as error:
        raise MessageError(f"it asks for {grammar.shown(text)}, which is no URI") from error


def _party(value: str, *, strict: bool) -> Address:
    """Who a message is from or to; a URI of any scheme, but one of SIP must be right."""
    found = grammar.address(value, strict=strict)
    try:
        SipUri.parse(found.uri)
    except UnknownSchemeError:
        return found
    except SipUriError as error:
        if strict:
            raise MessageError(str(error)) from error
    return found


def _contacts(values: "list[str] | tuple[()]", method: str) -> tuple[Address, ...]:
    """Those of a request; "*" is REGISTER's alone (section 10.2.2)."""
    if method == "REGISTER" and list(values) == ["*"]:
        return ()
    found = tuple([grammar.address(each) for value in values for each in grammar.elements(value)])
    if method not in _REFRESHING or not found:
        return found
    reached = tuple([each for each in found if _scheme(each) in _CALLED])
    if not reached:
        raise MessageError(f"its Contact {grammar.shown(found[0].uri)} can't be called")
    for each in reached:
        _sip(each)
    return reached


def _scheme(address: Address) -> str:
    return address.uri.partition(":")[0].strip().lower()


def _sip(address: Address) -> SipUri:
    try:
        return SipUri.parse(address.uri)
    except SipUriError as error:
        raise MessageError(str(error)) from error


def _route(value: str) -> Address:
    found = grammar.address(value)
    if _sip(found).scheme == "tel":
        raise MessageError(f"{grammar.shown(value)} is no Record-Route")
    return found


def _usable_contacts(values: "list[str] | tuple[()]", notes: list[str]) -> tuple[Address, ...]:
    found = []
    for each in (each for value in values for each in grammar.elements(value)):
        try:
            found.append(grammar.address(each, strict=False))
        except GrammarError:
            notes.append(f"its Contact {grammar.shown(each)} was passed over")
    return tuple(found)


def _usable_routes(values: "list[str] | tuple[()]", notes: list[str]) -> tuple[Address, ...]:
    """All of them or none: a part of a way leads nowhere."""
    try:
        return tuple([_route(each) for value in values for each in grammar.elements(value)])
    except ValueError as error:
        notes.append(f"its Record-Route was passed over: {error}")
        return ()


def _body(frame: Frame, lengths: list[str]) -> str:
    """What Content-Length says is the body; what follows it is none of the message's (section 18.3)."""
    for each in lengths:
        if not (each.isascii() and each.isdecimal()):
            raise MessageError(f"{grammar.shown(each)} is no Content-Length")
    if not lengths:
        return frame.rest
    if len({int(each) for each in lengths if len(each) <= 20}) != 1 or any(len(each) > 20 for each in lengths):
        raise MessageError("it has Content-Lengths that contradict each other or mean nothing")
    length = int(lengths[0])
    if length > len(frame.rest):
        raise MessageError(f"its Content-Length is {length}, and {len(frame.rest)} octets of body came")
    return frame.rest[:length]


def _answers_body(frame: Frame, lengths: list[str], notes: list[str]) -> str:
    """The same of an answer: of a length that is none the datagram tells as well, and so it does where no more is
    missing than ends of lines: the last one, or the CR of each that was rewritten on its way.
    """
    numbers = {int(each) for each in lengths if each.isascii() and each.isdecimal() and len(each) <= 20}
    if len(numbers) != 1 and lengths:
        notes.append("its Content-Length means nothing")
    if len(numbers) != 1:
        return frame.rest
    (length,) = numbers
    missing = length - len(frame.rest)
    if 0 < missing <= _LINE_END + frame.rest.count("\n") - frame.rest.count("\r\n"):
        notes.append(f"its Content-Length is {length}, and {len(frame.rest)} octets of body came")
        return frame.rest
    return _body(frame, [str(length)])
