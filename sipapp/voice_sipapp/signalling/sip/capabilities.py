"""What our user agents understand, and say that they do (RFC 3261, sections 20.5, 20.32 and 20.37)."""

METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE", "PRACK")
OPTIONS = ("timer", "100rel")
"""Extensions: session timers (RFC 4028), reliable provisional answers (RFC 3262)."""

ALLOWED = ", ".join(METHODS)
SUPPORTED = ", ".join(OPTIONS)
