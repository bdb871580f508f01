"""Command lines of the app `grafana`."""
