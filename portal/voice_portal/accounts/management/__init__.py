"""Command lines of the app `accounts`."""
