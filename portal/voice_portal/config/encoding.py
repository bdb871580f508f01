"""Forms in one encoding: UTF-8."""

import codecs
import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

log = logging.getLogger(__name__)


class Utf8Middleware:
    """Refuses what claims to be in another encoding than UTF-8, with 400, before anything reads it.

    Some encodings let through half a character, which neither a page nor the database can take; others are no
    text at all.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The answer to a request in UTF-8; 400 to any other."""
        charset = (request.content_params or {}).get("charset", "utf-8")
        if not is_utf8(charset):
            log.warning("refused, not in UTF-8: %r", request.path)
            # Not by Django's own view, which looks for a token in the form first.
            return HttpResponse(render_to_string("400.html"), status=400)
        return self._get_response(request)


def is_utf8(charset: str) -> bool:
    """Whether this is a name of UTF-8."""
    try:
        return codecs.lookup(charset).name == "utf-8"
    except (LookupError, ValueError):
        return False
