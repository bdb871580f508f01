"""Addresses of calls by their grammar: SIP URIs (RFC 3261, section 25.1), telephone numbers (RFC 3966). No I/O.

The CRD's rules say nearly the same, in the same words; but an older CRD may still be installed, and CEL compares no two
parameters whose names it does not know. Underscores in hosts, which the grammar has not, are taken: names have them.
"""

from __future__ import annotations

import ipaddress
import re

_BARE = re.compile(r"[]!#-;=?-\[_a-z~]*")
_SCHEME = re.compile(r"(?:(sips?)|(tel)):", re.IGNORECASE)
_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_SIP = re.compile(
    r"(?:(?P<user>[^:@]*)(?P<password>:[^@]*)?@)?(?P<host>\[[^@\]]*\]|[^:;?@]*)(?P<port>:[^;?@]*)?"
    r"(?P<parameters>;[^?@]*)?(?P<rest>.*)"
)
_USER = re.compile(r"(?:[-_.!~*'()&=+$,;?/0-9A-Za-z]|%..)+")
_LABEL = re.compile(r"[_0-9A-Za-z](?:[-_0-9A-Za-z]{0,61}[_0-9A-Za-z])?")
_DOMAIN = re.compile(r"(?:[0-9A-Za-z](?:[-0-9A-Za-z]*[0-9A-Za-z])?\.)*[A-Za-z](?:[-0-9A-Za-z]*[0-9A-Za-z])?\.?")
_PORT = re.compile(r":0*[1-9][0-9]{0,4}")
_LAST_PORT = 65_535
_CHARACTERS = r"(?:[-_.!~*'()\[\]/:&+$0-9A-Za-z]|%..)+"
_PARAMETERS = re.compile(rf"(?:;{_CHARACTERS}(?:={_CHARACTERS})?)*")
_IN_FULL = re.compile(r"\+[-.()]*[0-9][-.()0-9]*")
_LOCAL = re.compile(r"(?=[-.()]*[^-.()])(?:[-.()0-9A-Fa-f*#]|%23)+")
_OF_NUMBER = re.compile(
    rf"(?:;isub=(?:[-_.!~*'()\[\]/?:@&=+$,0-9A-Za-z]|%..)+|;(?!isub=)[-0-9A-Za-z]+(?:={_CHARACTERS})?)*",
    re.IGNORECASE,
)

_ESCAPED = "each % must be followed by two hexadecimal digits, as in %23 for #; a % itself is written %25"
_ONCE = "each parameter, such as transport, may stand there once only"


def problem(text: str, *, of_server: bool = False) -> str | None:
    """What is wrong with `text` as a party's address, or `of_server`, and how to mend it; None if it can be used."""
    if not _BARE.fullmatch(text):
        return (
            "must be a bare URI in ASCII, without a display name, quotation marks, < > and spaces: any other character"
            " of a user is written escaped, such as %20, and a name of a host in another alphabet as xn--…"
        )
    scheme = _SCHEME.match(text)
    if of_server and (scheme is None or scheme[2]):
        return "must begin with sip: or sips:, such as sip:pbx.example.net:5061;transport=tls"
    if scheme is None:
        return "must begin with sip:, sips: or tel:, such as sip:probe-1@voice.example.net or tel:+442071838750"
    if _BAD_ESCAPE.search(text):
        return _ESCAPED
    return _of_number(text[scheme.end() :]) if scheme[2] else _of_sip(text[scheme.end() :], of_server=of_server)


def _of_sip(text: str, *, of_server: bool) -> str | None:
    found = _SIP.fullmatch(text)
    if found is None:  # as good as impossible: the pattern takes any text of one line
        return "must be a SIP address such as sip:pbx.example.net"
    return _of_user(found, needed=not of_server) or _of_host(found["host"]) or _of_rest(found)


def _of_user(found: re.Match[str], *, needed: bool) -> str | None:
    if needed and found["user"] is None and "@" not in found["rest"]:
        return "must name a user before the host, as sip:probe-1@voice.example.net does"
    if found["password"] is not None or ("@" not in found["rest"] and "?" in found["rest"]):
        return (
            "must hold neither a password (a credential is named in credentials) nor header fields (what follows a"
            " question mark)"
        )
    if "@" in found["rest"] or (found["user"] is not None and not _USER.fullmatch(found["user"])):
        return (
            "the user before the @ may hold letters, digits and - _ . ! ~ * ' ( ) & = + $ , ; ? / only, one at least;"
            " anything else is written escaped, such as # as %23 and @ as %40"
        )
    return None


def _of_host(host: str) -> str | None:
    if host.startswith("["):
        return None if _is_address(host[1:-1], 6) else (
            "must name a host: in its brackets stands no IPv6 address such as 2001:db8::10 (which has no zone, and ::"
            " once only)"
        )  # fmt: skip
    labels = host.removesuffix(".").split(".")
    is_name = all(_LABEL.fullmatch(label) for label in labels) and not labels[-1][0].isdigit()
    return None if is_name or _is_address(host, 4) else (
        "must name a host: a name whose last part begins with a letter (pbx.example.net), an IPv4 address of four"
        " numbers up to 255 without leading zeros (192.0.2.10), or an IPv6 address in brackets ([2001:db8::10])"
    )  # fmt: skip


def _of_rest(found: re.Match[str]) -> str | None:
    port, parameters = found["port"], found["parameters"] or ""
    if found["host"].startswith("[") and found["rest"] and not parameters:
        return "must name a host: nothing but a port and parameters may follow its brackets"
    if port is not None and not (_PORT.fullmatch(port) and int(port[1:]) <= _LAST_PORT):
        return (
            "a port is a number from 1 to 65535 after the colon that follows the host, such as"
            " sip:pbx.example.net:5060; an IPv6 address stands in brackets"
        )
    if not _PARAMETERS.fullmatch(parameters):
        return (
            "what follows the host must be parameters such as ;transport=tcp or ;lr, none of them empty, in letters,"
            " digits and - _ . ! ~ * ' ( ) [ ] / : & + $; anything else is written escaped, such as = as %3D"
        )
    named = _named(parameters)
    if len({name for name, _ in named}) < len(named):
        return _ONCE
    if any(name == "method" and value.upper() != "INVITE" for name, value in named if value):
        return "a call is always an INVITE: leave the parameter method out"
    return None


def _of_number(text: str) -> str | None:
    number, semicolon, rest = text.partition(";")
    named = _named(semicolon + rest)
    if not (_IN_FULL.fullmatch(number) or _LOCAL.fullmatch(number)):
        return (
            "must be a number in full, + and its digits, such as tel:+44-20-7183-8750, or a local one with its"
            " context, such as tel:7042;phone-context=acme.example; only - . ( ) may part digits"
        )
    contexts = [value for name, value in named if name == "phone-context"]
    if not number.startswith("+") and not any(_IN_FULL.fullmatch(one) or _DOMAIN.fullmatch(one) for one in contexts):
        return (
            "a number without + needs its context, a domain or how its numbers begin, such as"
            " tel:7042;phone-context=acme.example or tel:7042;phone-context=+44; or write it in full"
        )
    if not _OF_NUMBER.fullmatch(semicolon + rest):
        return (
            "what follows the number must be parameters such as ;ext=7042 or ;npdi, none of them empty; anything but"
            " letters, digits and - _ . ! ~ * ' ( ) [ ] / : & + $ is written escaped, such as @ as %40"
        )
    return _ONCE if len({name for name, _ in named}) < len(named) else None


def _named(parameters: str) -> list[tuple[str, str]]:
    pairs = (each.partition("=") for each in parameters.split(";")[1:])
    return [(name.lower(), value) for name, _, value in pairs]


def _is_address(text: str, version: int) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.version == version and "%" not in text
