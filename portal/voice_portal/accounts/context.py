"""What the frame around every page needs to know."""

from typing import Any

from django.http import HttpRequest


def client(request: HttpRequest) -> dict[str, Any]:
    """The client of the page and all that the user may see; none on a page that failed before they were known."""
    return {name: getattr(request, name, None) for name in ("client", "clients", "role")}
