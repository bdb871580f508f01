"""What a browser is shown: a preview of each dashboard, and pages that say what is not there."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from urllib.parse import quote

from voice_lab.grafana_stand_in import dashboards, preview
from voice_lab.grafana_stand_in.access import Asking
from voice_lab.grafana_stand_in.http import Refused, Response, redirect, route
from voice_lab.grafana_stand_in.query.macros import Period
from voice_lab.grafana_stand_in.state import Document

HTML = "text/html; charset=UTF-8"
_KEPT = {"Cache-Control": "public, max-age=3600"}
_POINT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
TITLE = "Grafana is not installed here"


def _path(asking: Asking, path: str) -> str:
    return f"{asking.config.sub_path}{path}"


def _view(asking: Asking, times: tuple[str, str] = ("now-6h", "now")) -> preview.View:
    now = datetime.fromtimestamp(asking.now, UTC)
    period = Period.of(*times, now)
    start, end = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (period.start, period.end))
    return preview.View(start, end, asking.request.query, _path(asking, ""), dashboards.hits(asking), now)


def _notice(asking: Asking, text: str, status: int = 200) -> Response:
    return Response(status, preview.notice(TITLE, text, _view(asking)).encode(), HTML)


def _signed_in(handler: Callable[..., object]) -> Callable[..., object]:
    """Send nobody to the login, which leads back."""

    def guarded(asking: Asking, *words: str) -> object:
        if asking.user["id"]:
            return handler(asking, *words)
        query = f"?{asking.request.query_text}" if asking.request.query_text else ""
        back = quote(f"{_path(asking, asking.request.path)}{query}", safe="")
        cookie = {"Set-Cookie": f"redirect_to={back}; Path={_path(asking, '')}; HttpOnly; SameSite=Lax"}
        return redirect(_path(asking, "/login"), headers=cookie)

    return guarded


@route("GET", "/d/{}", "anybody")
@route("GET", "/d/{}/{}", "anybody")
@_signed_in
def _dashboard(asking: Asking, uid: str, _slug: str = "") -> Callable[[], Response] | Response:
    if dashboards.may_see(asking, uid) is None:
        return _notice(asking, "There is no such dashboard, or you may not see it.")
    model = json.loads(dashboards.model_of(asking.state, asking.org, uid))
    view = _view(asking, preview.time_range(model, asking.request.query))
    asked = {panel.get("id", 0): _asked(asking, preview.queries(panel, view)) for panel in preview.shown(model, view)}
    return lambda: Response(200, preview.render(model, _results(asked), view).encode(), HTML)


def _asked(asking: Asking, body: Document) -> Callable[[], Mapping[str, Document]]:
    """What runs the queries of a panel."""
    refs = [target.get("refId", "A") for target in body["queries"]]
    try:
        answer = asking.sources.answer(asking.org, body) if refs else None
    except Refused as refused:
        fault = {"error": str(refused)}
        return lambda: dict.fromkeys(refs, fault)
    return lambda: json.loads(answer().body)["results"] if answer else {}


def _results(asked: Mapping[int, Callable[[], Mapping[str, Document]]]) -> dict[int, Mapping[str, Document]]:
    found: dict[int, Mapping[str, Document]] = {}
    for panel, ask in asked.items():
        try:
            found[panel] = ask()
        except Refused as refused:
            found[panel] = {"A": {"error": str(refused)}}
    return found


@route("GET", "/public/{}", "anybody")
def _static(asking: Asking, name: str) -> Response:
    if (found := preview.static(name)) is None:
        return _notice(asking, "There is no such file.", 404)
    return Response(200, *found, _KEPT)


@route("GET", "/public/img/user_profile.png", "anybody")
def _picture(_asking: Asking) -> Response:
    """The picture of every user: a point that cannot be seen."""
    return Response(200, _POINT, "image/png", {"Last-Modified": formatdate(0, usegmt=True), **_KEPT})


@route("GET", "/login", "anybody")
def _login(asking: Asking) -> Response:
    if asking.user["id"]:
        cookie = {"Set-Cookie": f"redirect_to=; Path={_path(asking, '')}; Max-Age=0; HttpOnly; SameSite=Lax"}
        return redirect(_path(asking, "/"), headers=cookie)
    return _notice(asking, "The portal signs you in.")


@route("GET", "/logout", "anybody")
def _logout(asking: Asking) -> Response:
    return redirect(asking.config.signed_out_url)


@route("GET", "/metrics", "anybody")
def _metrics(asking: Asking) -> Response:
    orgs = len(asking.state.all("org", 0))
    return Response(200, f"grafana_stat_total_orgs {orgs}\n".encode(), "text/plain; version=0.0.4; charset=utf-8")


@route("GET", "/explore", "anybody")
@route("GET", "/admin/users", "anybody")
@_signed_in
def _not_for_viewers(asking: Asking) -> Response:
    return redirect(_path(asking, "/"))


@route("GET", "/", "anybody")
@_signed_in
def _home(asking: Asking) -> Response:
    return _notice(asking, "The portal shows the dashboards.")


def unknown(asking: Asking) -> Response:
    """The answer to a page that there is not."""
    return _notice(asking, "There is no such page.", 404)
