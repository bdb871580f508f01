"""What the frame around every page needs to know."""

from typing import Any

from django.http import HttpRequest

from voice_portal.accounts.clients import FLEET


def client(request: HttpRequest) -> dict[str, Any]:
    """The session's client and the clients to switch to; none on a page that failed before they were known."""
    return {
        "client": getattr(request, "client", None),
        "clients": getattr(request, "clients", []),
        "fleet": getattr(request, "fleet", False),
        "FLEET": FLEET,
    }
