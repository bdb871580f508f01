"""From the packets of a call to its figures; everything here runs after the call."""
