"""SIP addresses as the plan writes them (RFC 3261, section 19.1), as far as a probe needs them."""

import re
from dataclasses import dataclass

_URI = re.compile(
    r"(?P<scheme>sips?):(?:(?P<user>[^@;>\s]+)@)?(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\[\]:;?@\s]+)(?::(?P<port>\d{1,5}))?"
    r"(?P<parameters>(?:;[^;?\s]+)*)",
    re.IGNORECASE,
)


class SipUriError(ValueError):
    """Not a SIP URI; the text says which one."""


@dataclass(frozen=True)
class SipUri:
    """`scheme:user@host:port;transport=…`. An IPv6 host keeps its brackets; `text` is the URI as it was written."""

    text: str
    scheme: str
    user: str | None
    host: str
    port: int | None
    transport: str | None

    @classmethod
    def parse(cls, text: str) -> "SipUri":
        """The URI in `text`. Raises SipUriError."""
        found = _URI.fullmatch(text.strip())
        if not found or int(found["port"] or 0) > 65535:
            raise SipUriError(f"{text!r} is no SIP URI")
        transport = re.search(r";transport=([^;]+)", found["parameters"], re.IGNORECASE)
        return cls(
            text=text.strip(),
            scheme=found["scheme"].lower(),
            user=found["user"],
            host=found["host"],
            port=int(found["port"]) if found["port"] else None,
            transport=transport[1].lower() if transport else None,
        )

    @property
    def address(self) -> tuple[str, int]:
        """Host (an IPv6 literal in brackets) and port to send to; where the URI names no port it is 5060, with TLS
        5061 (RFC 3261, section 19.1.2).
        """
        return self.host, self.port or (5061 if self.carrier == "tls" else 5060)

    @property
    def carrier(self) -> str:
        """What carries the signalling: "udp", "tcp" or "tls"; any other transport under the name that was written."""
        if self.scheme == "sips":
            return "tls"
        return self.transport or "udp"
