"""`/healthz`, for kubelet and load balancers."""

import logging
from collections.abc import Callable

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse

log = logging.getLogger(__name__)


class HealthMiddleware:
    """Answers `/healthz` before anything looks at the host name, the session or the login: 200 or 503."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The health for `/healthz`, the ordinary answer for everything else."""
        return _health() if request.path == "/healthz" else self._get_response(request)


def _health() -> HttpResponse:
    """200 only if the database answers: without it the portal has nothing to show."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        log.warning("not healthy: %s", error)
        return HttpResponse("the database does not answer\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")
