"""What the parts of the provisioning API have in common: rules, contact points, notification policies, mute timings."""

from __future__ import annotations

from voice_lab.grafana_stand_in.access import Asking
from voice_lab.grafana_stand_in.http import Response, failed
from voice_lab.grafana_stand_in.state import Document

PATH = "/api/v1/provisioning"
READ, WRITE = "alert.provisioning:read", "alert.provisioning:write"


def provenance(asking: Asking) -> dict[str, str]:
    """Who manages what is written: `api`, unless the request says nobody does."""
    return {} if "x-disable-provenance" in asking.request.headers else {"provenance": "api"}


def check_provenance(asking: Asking, before: Document) -> None:
    """Refuse to take what is managed by the API out of its hands."""
    if before.get("provenance") == "api" and not provenance(asking):
        raise failed(500, "cannot change provenance from 'api' to ''")


def missing() -> Response:
    """How the provisioning API says that there is no such thing: JSON's null, as plain text."""
    return Response(404, b"null", "text/plain; charset=utf-8")
