"""Programs that no distribution package holds: found on the machine, fetched, or built, in this order."""
