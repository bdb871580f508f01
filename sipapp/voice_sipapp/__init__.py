"""The SIP application: places synthetic calls, measures both directions, writes CDRs."""
