"""Requests, answers and routes of the stand-in; nothing here knows a socket."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

JSON = "application/json"
ROUTER_JSON = f"{JSON}; charset=UTF-8"
"""The type of what the router and the login answer, and not a handler."""
SWITCHING = 101
"""The status of a request that becomes a websocket."""
_DIGITS = 15
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-XSS-Protection": "1; mode=block"}
"""What Grafana sends with every answer of its API."""


@dataclass(frozen=True)
class Request:
    """A request.

    Attributes:
        path: percent-decoded, and below the sub-path (`/api/…`).
        headers: by names in small letters.
        query_text: the query as it was written.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    query_text: str = ""


@dataclass(frozen=True)
class Response:
    """An answer, whole."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """The request is answered with an error: `status` and a JSON object that holds `message`."""

    content_type = ""
    """Of the answer, if it is another than its sender's."""

    def __init__(self, status: int, message: str, /, **more: object) -> None:
        super().__init__(message)
        self.status, self.body = status, {"message": message, **more}


def failed(status: int, message: str) -> Refused:
    """An error from a handler of Grafana's that had an inner error: it carries a trace id, which is empty."""
    return Refused(status, message, traceID="")


def bad_data() -> Refused:
    """The body is no JSON, of the wrong types, or lacks a field."""
    return failed(400, "bad request data")


def encode(value: object) -> bytes:
    """JSON as Grafana writes it: no blanks, and nothing in it that could be markup."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()


def natural(text: str) -> int | None:
    """The number that a text is, if it is one that can be somebody's: not of more digits than numbers have."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else None


def stamp(seconds: float) -> str:
    """A time as Grafana writes it: RFC 3339, UTC, whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp_whole(seconds: float) -> str:
    """The same with nanoseconds: in answers to what was just written."""
    return f"{stamp(seconds)[:-1]}.{int(seconds % 1 * 1e9):09}Z"


def answer(value: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(status, encode(value))


def redirect(url: str, status: int = 302, headers: Mapping[str, str] | None = None) -> Response:
    """Elsewhere, as a browser is told."""
    body = f'<a href="{html.escape(url)}">Found</a>.\n\n'.encode()
    return Response(status, body, "text/html; charset=utf-8", {"Location": url, **(headers or {})})


Handler = Callable[..., Any]
"""Takes an `access.Asking` and the words of the path; returns a `Response`, a value for a JSON answer of 200, or a
function that returns either: what takes its time, to be called without holding others up."""


@dataclass(frozen=True)
class Route:
    """A method and path, who may ask for it, and the function that answers.

    Attributes:
        needs: the least role (`access.ROLES`), or "" for whoever is signed in.
        action: what Grafana says is needed of those who may not.
    """

    method: str
    pattern: re.Pattern[str]
    needs: str
    action: str
    handler: Handler


ROUTES: list[Route] = []


Answering = TypeVar("Answering", bound=Handler)


def route(method: str, path: str, needs: str, action: str = "") -> Callable[[Answering], Answering]:
    """Have a function answer `path`, in which `{}` stands for one segment that it is given."""
    pattern = re.compile("".join("([^/]+)" if part == "{}" else re.escape(part) for part in re.split(r"(\{})", path)))

    def register(handler: Answering) -> Answering:
        ROUTES.append(Route(method, pattern, needs, action, handler))
        return handler

    return register
