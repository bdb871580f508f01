"""`/healthz`, for kubelet and load balancers, and `/healthz/database`, for monitoring."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from voice_portal.config import readiness

PATHS = ("/healthz", "/healthz/database")
READING = ("GET", "HEAD")


class HealthMiddleware:
    """Answers before anything looks at the host name, the session or the login: 200 or 503.

    `/healthz` does not ask the database. If it did, every pod would be taken out of service when the database is away,
    and nobody would ever see the page that says so.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The health for the two paths, to who reads; the ordinary answer for everything else."""
        if request.path not in PATHS:
            return self._get_response(request)
        if request.method not in READING:
            return HttpResponseNotAllowed(READING)
        return _database() if request.path == "/healthz/database" else _ok()


def _ok() -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


def _database() -> HttpResponse:
    """200 only if the database answers and has this portal's schema. Strangers may ask: the log alone has details."""
    found = readiness.look_at_database()
    if found.refusals:
        text = "".join(f"{one.public}\n" for one in found.refusals)
        return HttpResponse(text, status=503, content_type="text/plain")
    return _ok()
