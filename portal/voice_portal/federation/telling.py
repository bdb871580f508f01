"""Tells a person why they are not signed in, and what they can do."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from voice_portal.config.providers.model import Provider
from voice_portal.federation import leading

TITLE = "You are not signed in"


def tell(
    request: HttpRequest, sentence: str, *, title: str = TITLE, status: int = 403, provider: Provider | None = None
) -> HttpResponse:
    """A page with the sentence; with a `provider`, also with the way to sign in there as somebody else."""
    context = {"title": title, "sentence": sentence, "provider": provider, "next": leading.following(request)}
    response = render(request, "federation/not_signed_in.html", context, status=status)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "10"
    return response
