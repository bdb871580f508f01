"""Hosts as they stand in a URI."""

from ipaddress import ip_address

from voice_sipapp.plan.sipuri import SipUri


def bracketed(address: str) -> str:
    """`address` as it stands in a URI: an IPv6 literal in brackets."""
    return f"[{address}]" if ":" in address else address


def is_literal(host: str) -> bool:
    """Whether `host`, as it stands in a URI, is an address and no name."""
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def check_uri(uri: SipUri) -> None:
    """Raises ValueError where no request can be sent to `uri`, though it is well formed (RFC 3261, section 19.1.1)."""
    if uri.headers is not None:
        raise ValueError(f"{uri.text} has header fields in it, which no request can be sent to")
    method = uri.parameter("method") or "INVITE"
    if method.upper() != "INVITE":
        raise ValueError(f"{uri.text} asks for {method}: a call is always an INVITE, so leave ;method= out")
