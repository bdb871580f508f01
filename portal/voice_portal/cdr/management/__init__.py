"""Command lines of the app `cdr`."""
