"""Anybody's captures through the application's own analysis, beside tshark's figures: `make captures`."""
