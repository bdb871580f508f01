"""What our user agents understand, and say that they do (RFC 3261, sections 20.5, 20.32 and 20.37)."""

METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE", "PRACK")
KNOWN = frozenset({"MESSAGE", "NOTIFY", "SUBSCRIBE", "PUBLISH", "REFER", "REGISTER"})
"""Methods that are not allowed here (405); others are not known at all (501; section 8.2.1)."""

OPTIONS = ("timer", "100rel")
"""Extensions: session timers (RFC 4028), reliable provisional answers (RFC 3262)."""

NOT_IMPLEMENTED = (501, "Not Implemented")

ALLOWED = ", ".join(METHODS)
SUPPORTED = ", ".join(OPTIONS)


def refusal_of(method: str) -> tuple[int, str]:
    """Code and reason phrase for a request of a `method` that is not among `METHODS`."""
    return (405, "Method Not Allowed") if method in KNOWN else NOT_IMPLEMENTED
