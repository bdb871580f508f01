"""The headers of every page the portal itself serves: what it may load, and that nobody keeps it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",  # htmx, and the few lines beside it
        "connect-src 'self'",  # what htmx asks for
        "img-src 'self'",
        "media-src 'self'",  # recordings of calls
        "frame-src 'self'",  # Grafana, on the same origin
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)


class SecurityHeadersMiddleware:
    """Adds the policy to every answer, and has none kept that does not say otherwise, as the style sheet does.

    Scripts come from files of ours alone, and none stands in a page. A page that a browser keeps comes back after
    signing out.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The answer with the headers."""
        response = self._get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Cache-Control", "no-store")
        return response
