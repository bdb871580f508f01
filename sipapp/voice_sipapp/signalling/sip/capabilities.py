"""What our user agents understand, and say that they do (RFC 3261, sections 20.5, 20.32 and 20.37)."""

METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE", "PRACK")
KNOWN = frozenset({"MESSAGE", "NOTIFY", "SUBSCRIBE", "PUBLISH", "REFER", "REGISTER"})
"""Methods that are not allowed here (405); others are not known at all (501; section 8.2.1)."""

OPTIONS = ("timer", "100rel")
"""Extensions: session timers (RFC 4028), reliable provisional answers (RFC 3262)."""

ALLOWED = ", ".join(METHODS)
SUPPORTED = ", ".join(OPTIONS)
