"""Grafana behind the portal: the signed token, and whether Grafana can show pages."""
