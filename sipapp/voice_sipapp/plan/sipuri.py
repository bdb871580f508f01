"""URIs of SIP (RFC 3261, section 19.1) and of telephone numbers (RFC 3966), as the plan and messages write them. Pure.

The grammar is RFC 3261's, section 25.1, and a little more, because far ends are: a user may hold what a URI should
escape ("#", octets that are no ASCII), a host may have underscores and a last part that begins with a digit, a port may
be left empty, a parameter may be in quotation marks.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from urllib.parse import quote, unquote

from voice_sipapp.octets import readable

LONGEST = 2000
"""Characters of a URI, at most: what is longer is nobody's address."""

LAST_PORT = 65_535

REMEMBERED = 1024
"""How many URIs are kept as they were parsed: every message of a call has the same few."""

_SCHEME = re.compile(r"[A-Za-z][-+.A-Za-z0-9]*(?=:)")
_ANY_HOST = r"\[[0-9A-Fa-f:.]+(?:%[^\]\s]+)?\]|[A-Za-z0-9_](?:[-_A-Za-z0-9]|\.(?!\.))*"
_HOST = re.compile(_ANY_HOST)
_SIP = re.compile(
    r"(?:(?P<user>[^@:<>\"\s]*)(?::(?P<password>[^@:<>\"\s]*))?@)?"
    rf"(?P<host>{_ANY_HOST})(?::(?P<port>[0-9]*))?"
    r"(?P<parameters>(?:;[^;?@<>\s]*)*)(?P<headers>\?[^<>\"\s]*)?"
)
_TEL = re.compile(
    r"(?P<number>\+[-.()]*[0-9][-.()0-9]*|[-.()]*(?:[0-9A-Fa-f*#]|%23)(?:[-.()0-9A-Fa-f*#]|%23)*)"
    r"(?P<parameters>(?:;(?:(?i:isub=)[^;<>\"\s]+|(?!(?i:isub=))[^;?@<>\"\s]+))*)"
)
_IN_USER = "-_.!~*'()&=+$,;?/%"
"""What a user may hold besides letters and digits (RFC 3261, section 25.1)."""
_LABEL = 63
_THREE_COLONS = re.compile(r":::(?=[0-9]+(?:\.[0-9]+){3}\Z)")
"""What RFC 3261's grammar has by mistake before an IPv4 address in an IPv6 one, and must be understood (RFC 5118,
section 4.10)."""


class SipUriError(ValueError):
    """Not a SIP URI; the text says which one."""


class UnknownSchemeError(SipUriError):
    """A URI of another scheme than sip, sips and tel."""


@dataclass(frozen=True)
class SipUri:
    """`scheme:user@host:port;transport=…`. An IPv6 host keeps its brackets; `text` is the URI as it was written.

    `user` is what it says: without escapes, telephone parameters (`user_parameters`: RFC 4694, RFC 3966) and password.
    A `tel:` URI has its number as the user, and no host (""). `parameters` are (name in small letters, value) pairs.
    """

    text: str
    scheme: str
    user: str | None
    host: str
    port: int | None
    transport: str | None
    user_parameters: tuple[str, ...] = ()
    password: str | None = None
    parameters: tuple[tuple[str, str | None], ...] = ()
    headers: str | None = None

    @classmethod
    def parse(cls, text: str) -> "SipUri":
        """The URI in `text`. Raises SipUriError, or UnknownSchemeError where it is one of another kind."""
        return _parsed(text.strip())

    @property
    def address(self) -> tuple[str, int]:
        """Host (an IPv6 literal in brackets) and port to send to: the host of `maddr` where there is one (RFC 3261,
        section 19.1.1); where the URI names no port it is 5060, with TLS 5061 (section 19.1.2).
        """
        return self.maddr or self.host, self.port or (5061 if self.carrier == "tls" else 5060)

    @property
    def carrier(self) -> str:
        """What carries the signalling: "udp", "tcp" or "tls"; any other transport under the name that was written."""
        if self.scheme == "sips":
            return "tls"
        return self.transport or "udp"

    @property
    def loose(self) -> bool:
        """Whether it is a loose router's (`lr`, RFC 3261, section 16.12)."""
        return any(name == "lr" for name, _ in self.parameters)

    @property
    def maddr(self) -> str | None:
        """Another host that requests to this URI go to; None where there is none, or what stands there is no host."""
        maddr = self.parameter("maddr") or ""
        return maddr if _HOST.fullmatch(maddr) and _is_host(maddr) else None

    def parameter(self, name: str) -> str | None:
        """The value of the parameter `name` (small letters); None where it is not there or has none."""
        return next((value for each, value in self.parameters if each == name), None)

    @property
    def as_request_uri(self) -> "SipUri":
        """This URI as a request is sent to it: without headers and method, which a Request-URI has not (RFC 3261,
        section 19.1.1), and else as it was written.
        """
        if self.headers is None and not any(name == "method" for name, _ in self.parameters):
            return self
        text = self.text if self.headers is None else self.text[: len(self.text) - len(self.headers)]
        head, at, rest = text.rpartition("@")
        return SipUri.parse(head + at + re.sub(r";method=[^;]*", "", rest, flags=re.IGNORECASE))

    @property
    def user_text(self) -> str | None:
        """The user part as it is written at a host, without a password: of a telephone number the one that it has in a
        SIP URI, in which what a user may not hold is escaped (RFC 3261, section 19.1.6).
        """
        rest = self.text.partition(":")[2]
        if self.scheme == "tel":
            return quote(rest, safe=_IN_USER)
        found = _SIP.fullmatch(rest)
        return found["user"] if found else None

    def at(self, domain: "SipUri") -> "SipUri":
        """The SIP URI of this telephone number in the domain of `domain` (RFC 3261, section 19.1.6)."""
        number = self.user_text
        host = domain.host if domain.port is None else f"{domain.host}:{domain.port}"
        transport = f";transport={domain.transport}" if domain.transport else ""
        return SipUri.parse(f"{domain.scheme}:{number}@{host}{transport};user=phone")


@lru_cache(REMEMBERED)
def _parsed(text: str) -> SipUri:
    found = _SCHEME.match(text)
    scheme, rest = (found[0].lower(), text[found.end() + 1 :]) if found else ("", "")
    if scheme not in ("sip", "sips", "tel"):
        known = UnknownSchemeError if scheme and rest else SipUriError
        raise known(f"{_shown(text)} is no SIP URI")
    uri = None
    if len(text) <= LONGEST:
        uri = _telephone(text, rest) if scheme == "tel" else _sip(text, scheme, rest)
    if uri is None:
        raise SipUriError(f"{_shown(text)} is no SIP URI")
    return uri


def _sip(text: str, scheme: str, rest: str) -> SipUri | None:
    found = _SIP.fullmatch(rest)
    if found is None or found["user"] == "" or not _is_host(found["host"]):
        return None
    port = (found["port"] or "").lstrip("0")
    if len(port) > 5 or int(port or 0) > LAST_PORT:
        return None
    user, more = _parted(found["user"])
    parameters = _parameters(found["parameters"])
    transport = next((value for name, value in parameters if name == "transport" and value), None)
    return SipUri(
        text=text,
        scheme=scheme,
        user=None if user is None else _unescaped(user),
        host=found["host"],
        port=int(port or 0) if found["port"] else None,
        transport=_unescaped(transport).lower() if transport else None,
        user_parameters=more,
        password=found["password"],
        parameters=parameters,
        headers=found["headers"],
    )


def _parted(user: str | None) -> tuple[str | None, tuple[str, ...]]:
    """A user and its telephone parameters. What begins with a semicolon is no number, and all of it the user."""
    if user is None or user.startswith(";"):
        return user, ()
    first, *more = user.split(";")
    return first, tuple(more)


def _telephone(text: str, rest: str) -> SipUri | None:
    found = _TEL.fullmatch(rest)
    if found is None:
        return None
    more = tuple(found["parameters"][1:].split(";")) if found["parameters"] else ()
    return SipUri(
        text=text,
        scheme="tel",
        user=found["number"].replace("%23", "#"),
        host="",
        port=None,
        transport=None,
        user_parameters=more,
    )


def _parameters(text: str) -> tuple[tuple[str, str | None], ...]:
    pairs = (each.partition("=") for each in text.split(";")[1:] if each)
    return tuple((name.lower(), value if equals else None) for name, equals, value in pairs)


def _is_host(host: str) -> bool:
    if host.startswith("["):
        try:
            IPv6Address(_THREE_COLONS.sub("::", host[1:-1]))
        except ValueError:
            return False
        return True
    labels: Sequence[str] = host.removesuffix(".").split(".")
    return len(host) <= 255 and all(0 < len(each) <= _LABEL for each in labels)


def _unescaped(text: str) -> str:
    return unquote(text) if "%" in text else text


def _shown(text: str) -> str:
    """`text` for people, in quotation marks, and not all of it where it is long."""
    return repr(readable(text if len(text) <= 200 else text[:200] + "…"))
