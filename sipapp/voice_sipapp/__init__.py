"""The SIP application: places synthetic calls, measures both directions, writes CDRs."""

__version__ = "0.1.0"
