"""The values of header fields by their grammar (RFC 3261, section 25.1). Pure.

Values are text in which an octet that is no plain ASCII stands as one character (`voice_sipapp.octets`). What is
written loosely and still means one thing is taken; what means nothing raises GrammarError, whose text says what it is.
No pattern here takes longer than its text is long: anybody may send 65,535 octets of what it likes least.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from voice_sipapp.octets import readable
from voice_sipapp.signalling.ladder import redacted

LARGEST_CSEQ = 2**31 - 1
"""Section 8.1.1.5."""

_SHOWN, _LOOKED_AT = 80, 400
"""How many characters of a value people are shown, and how many are looked at for secrets before."""

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PARAMETER = re.compile(rf"\s*;\s*([^\s;=,<>\"()]+)(?:\s*=\s*({_QUOTED}|[^\s;,\"<>]*))?\s*", re.DOTALL)
_PLAIN_LIST = re.compile(r'[^,"<]*')
_ITEM = re.compile(rf'(?:{_QUOTED}|<[^>]*>|[^,"<])*', re.DOTALL)
_BRACKETED = re.compile(rf"(?:({_QUOTED})\s*|([^<>\"]*))<([^<>]*)>(.*)", re.DOTALL)
_BARE = re.compile(rf"(?:({_QUOTED})\s*)?([^\s<>\";,?]+)\s*(.*)", re.DOTALL)
_ODDLY_QUOTED = re.compile(rf"((?:{_QUOTED}|[^<>\"])*)<([^<>]*)>(.*)", re.DOTALL)
_VIA = re.compile(
    r"([^\s/;,]+)\s*/\s*([^\s/;,]+)\s*/\s*([^\s/;,]+)\s+(\[[^\]\s]+\]|[^\s:;,\[\]]+)(?:\s*:\s*([0-9]+))?\s*(.*)",
    re.DOTALL,
)
_BARE_IPV6 = re.compile(r"\A([^\s;,]+\s+)([0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)(?=[\s;,]|\Z)")
_CSEQ = re.compile(r"([0-9]+)\s+([^\s]+)")
_TOKEN = re.compile(r"[-.!%*_+`'~0-9A-Za-z]+")
_WARNING = re.compile(rf"([0-9]{{3}})\s+(\S+)\s+({_QUOTED})", re.DOTALL)

Parameters = tuple[tuple[str, str | None], ...]
"""(name in small letters, value as it was written) pairs, in their order."""


class GrammarError(ValueError):
    """A value that means nothing; the text says what is wrong with it, for people."""


@dataclass(frozen=True, slots=True)
class Address:
    """name-addr or addr-spec with its parameters (section 20.10). `display` is as it was written, without quotation
    marks; None where there is none.
    """

    uri: str
    display: str | None = None
    parameters: Parameters = ()

    def parameter(self, name: str) -> str | None:
        """The value of the parameter `name` (small letters); None where it is not there, or has none."""
        return next((value for each, value in self.parameters if each == name), None)


@dataclass(frozen=True, slots=True)
class Via:
    """One element that a request came by (section 20.42)."""

    protocol: str
    transport: str
    host: str
    port: int | None
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a dialog or a request ended (RFC 3326); `cause` is None where it has no number."""

    protocol: str
    cause: int | None = None
    text: str | None = None


def is_token(text: str) -> bool:
    """Whether `text` is a token: a method, a header's name."""
    return _TOKEN.fullmatch(text) is not None


def elements(value: str) -> list[str]:
    """The elements of the list `value`: a comma within quotation marks or < > parts nothing (section 7.3.1)."""
    if _PLAIN_LIST.fullmatch(value):
        return [value.strip()]
    found, at = [], 0
    while at <= len(value):
        item = _ITEM.match(value, at)
        end = item.end() if item else at
        if end < len(value) and value[end] != ",":  # what was opened is not closed: the rest is one element
            end = len(value)
        found.append(value[at:end].strip())
        at = end + 1
    return found


def parameters(text: str, *, strict: bool = True) -> Parameters:
    """The parameters in `text`, which begins with ";" or is empty; unless `strict`, empty ones are passed over.
    Raises GrammarError.
    """
    found, at = [], 0
    while at < len(text):
        each = _PARAMETER.match(text, at)
        if each is not None:
            found.append((each[1].lower(), each[2]))
            at = each.end()
        elif not strict and text[at] in "; \t":
            at += 1
        else:
            raise GrammarError(f"{shown(text[at:])} is no parameter")
    return tuple(found)


def address(value: str, *, strict: bool = True) -> Address:
    """The address in `value`. Without < > what follows a semicolon is the header's own, not the URI's (section 20.10).
    Its URI may be of any scheme. Raises GrammarError.
    """
    value = value.strip()
    if found := _BRACKETED.fullmatch(value):
        display = found[1][1:-1] if found[1] is not None else found[2].strip() or None
        uri, more = found[3].strip(), found[4].lstrip()
    elif (bare := _BARE.fullmatch(value)) and ":" in bare[2] and bare[3][:1] in ("", ";"):
        display, uri, more = bare[1] and bare[1][1:-1], bare[2], bare[3]
    elif oddly := _ODDLY_QUOTED.fullmatch(value):  # ""Name"" <…>, say
        display, uri, more = oddly[1].replace('"', "").strip() or None, oddly[2].strip(), oddly[3].lstrip()
    else:
        raise GrammarError(f"{shown(value)} is no address")
    if (more and more[0] != ";") or ":" not in uri:
        raise GrammarError(f"{shown(value)} is no address")
    return Address(uri, display, parameters(more, strict=strict) if more else ())


def via(value: str, *, strict: bool = True) -> Via:
    """The Via in `value`, one element. Raises GrammarError."""
    found = _VIA.fullmatch(value.strip())
    if found is None or (found[6] and found[6][0] != ";") or f"{found[1]}/{found[2]}".upper() != "SIP/2.0":
        raise GrammarError(f"{shown(value)} is no Via")
    port = int(found[5]) if found[5] and len(found[5]) <= 6 else None
    if found[5] and not (port and port <= 65535):
        raise GrammarError(f"{shown(value)} has a port that does not exist")
    return Via(f"{found[1]}/{found[2]}", found[3], found[4], port, parameters(found[6], strict=strict))


def own_via(value: str) -> Via:
    """The Via in `value`, one element of an answer, which brings back ours: an IPv6 address may have lost its brackets,
    since nothing is sent there. Raises GrammarError.
    """
    return via(_BARE_IPV6.sub(r"\1[\2]", value.strip()), strict=False)


def cseq(value: str) -> tuple[int, str]:
    """Number and method of the CSeq `value`. Raises GrammarError."""
    found = _CSEQ.fullmatch(value)
    if found is None or len(found[1]) > 20 or int(found[1]) > LARGEST_CSEQ:
        raise GrammarError(f"{shown(value)} is no CSeq")
    return int(found[1]), found[2]


def unquoted(text: str) -> str:
    """What `text`, perhaps in quotation marks, says."""
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if len(text) >= 2 and text[0] == text[-1] == '"' else text


def reasons(values: Iterable[str]) -> tuple[Reason, ...]:
    """The Reasons in `values`, each of which may be a list; what is none is left out."""
    found = []
    for value in (each for one in values for each in elements(one)):
        protocol, semicolon, rest = value.partition(";")
        try:
            given = dict(parameters(semicolon + rest, strict=False))
        except GrammarError:
            continue
        if not is_token(protocol.strip()):
            continue
        cause, text = unquoted(given.get("cause") or ""), given.get("text")
        number = int(cause) if cause.isascii() and cause.isdecimal() and len(cause) <= 9 else None
        found.append(Reason(protocol.strip(), number, unquoted(text) if text is not None else None))
    return tuple(found)


def warnings(values: Iterable[str]) -> tuple[str, ...]:
    """The texts of the Warnings in `values` (section 20.43), as they are read; what is none as it was written. Some far
    ends repeat in them what they were sent: secrets are taken out.
    """
    found = []
    for value in (each for one in values for each in elements(one)):
        warning = _WARNING.fullmatch(value)
        found.append(unquoted(warning[3]) if warning else re.sub(r'^[0-9]{3}\s+\S+\s+|"', "", value))
    return tuple(redacted(each) for each in found if each)


def shown(text: str) -> str:
    """`text` for people, in quotation marks, without secrets, and not all of it where it is long."""
    kept = redacted(text[:_LOOKED_AT])
    return repr(readable(kept if len(kept) <= _SHOWN and len(text) <= _LOOKED_AT else kept[:_SHOWN] + "…"))
