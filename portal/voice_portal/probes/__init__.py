"""The pages: overview, probe, errors."""
