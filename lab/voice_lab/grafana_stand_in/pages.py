"""What a browser is shown: a preview of each dashboard, and pages that say what is not there."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from urllib.parse import quote

from voice_lab.grafana_stand_in import dashboards, preview
from voice_lab.grafana_stand_in.access import AVATAR, Asking
from voice_lab.grafana_stand_in.http import Response, redirect, route
from voice_lab.grafana_stand_in.query.macros import Period
from voice_lab.grafana_stand_in.state import Document

_log = logging.getLogger(__name__)
HTML = "text/html; charset=UTF-8"
_KEPT = {"Cache-Control": "public, max-age=3600"}
_POINT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
TITLE = "Grafana is not installed here"


def _view(asking: Asking, times: tuple[str, str] = ("now-6h", "now")) -> preview.View:
    now = datetime.fromtimestamp(asking.now, UTC)
    try:
        period = Period.of(*times, now)
        start, end = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (period.start, period.end))
    except (OverflowError, ValueError):
        start, end = now - timedelta(hours=6), now  # no calendar has such times
    return preview.View(start, end, asking.request.query, asking.path(""), asking.org)


def _notice(asking: Asking, text: str, status: int = 200) -> Response:
    return Response(status, preview.notice(TITLE, text, _view(asking)).encode(), HTML)


def _signed_in(handler: Callable[..., object]) -> Callable[..., object]:
    """Send nobody to the login, which leads back."""

    def guarded(asking: Asking, *words: str) -> object:
        if asking.user["id"]:
            return handler(asking, *words)
        query = f"?{asking.request.query_text}" if asking.request.query_text else ""
        back = quote(f"{asking.path(asking.request.path)}{query}", safe="")
        cookie = {"Set-Cookie": f"redirect_to={back}; Path={asking.path('')}; HttpOnly; SameSite=Lax"}
        return redirect(asking.path("/login"), headers=cookie)

    return guarded


@route("GET", "/d/{}", "anybody")
@route("GET", "/d/{}/{}", "anybody")
@_signed_in
def _dashboard(asking: Asking, uid: str, _slug: str = "") -> Callable[[], Response] | Response:
    if dashboards.may_see(asking, uid) is None:
        return _notice(asking, "There is no such dashboard, or you may not see it.")
    model = json.loads(dashboards.model_of(asking.state, asking.org, uid))

    def page() -> Response:
        try:
            return Response(200, _preview(asking, model).encode(), HTML)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            _log.warning("dashboard %s of organisation %s", uid, asking.org, exc_info=True)
            return _notice(asking, "This dashboard is not as Grafana would make it: it cannot be shown here.")

    return page


def _preview(asking: Asking, model: Document) -> str:
    view = _view(asking, preview.time_range(model, asking.request.query))
    asked = {panel.get("id", 0): preview.queries(panel, view) for panel in preview.panels_of(model)}
    return preview.render(model, {panel: _results(asking, body) for panel, body in asked.items()}, view)


def _results(asking: Asking, body: Document) -> dict[str, Document]:
    """The results of a panel's queries, by refId."""
    start, end = int(body["from"]), int(body["to"])
    return {
        one.get("refId", "A"): asking.sources.run(asking.org, (one["datasource"] or {}).get("uid", ""), one, start, end)
        for one in body["queries"]
    }


@route("GET", "/public/{}", "anybody")
def _static(asking: Asking, name: str) -> Response:
    if (found := preview.static(name)) is None:
        return _notice(asking, "There is no such file.", 404)
    return Response(200, *found, _KEPT)


@route("GET", AVATAR, "anybody")
def _picture(_asking: Asking) -> Response:
    """The picture of every user: a point that cannot be seen."""
    return Response(200, _POINT, "image/png", {"Last-Modified": formatdate(0, usegmt=True), **_KEPT})


@route("GET", "/login", "anybody")
def _login(asking: Asking) -> Response:
    if asking.user["id"]:
        cookie = {"Set-Cookie": f"redirect_to=; Path={asking.path('')}; Max-Age=0; HttpOnly; SameSite=Lax"}
        return redirect(asking.path("/"), headers=cookie)
    return _notice(asking, "The portal signs you in.")


@route("GET", "/logout", "anybody")
def _logout(asking: Asking) -> Response:
    return redirect(asking.config.signed_out_url)


@route("GET", "/api/health", "anybody")
def _health(asking: Asking) -> Response:
    body = {"commit": "stand-in", "database": "ok", "version": asking.config.version}
    return Response(200, ("{\n" + ",\n".join(f'  "{k}": "{v}"' for k, v in body.items()) + "\n}").encode())


@route("GET", "/metrics", "anybody")
def _metrics(asking: Asking) -> Response:
    orgs = len(asking.state.all("org", 0))
    return Response(200, f"grafana_stat_total_orgs {orgs}\n".encode(), "text/plain; version=0.0.4; charset=utf-8")


@route("GET", "/explore", "anybody")
@route("GET", "/admin/users", "anybody")
@_signed_in
def _not_for_viewers(asking: Asking) -> Response:
    return redirect(asking.path("/"))


@route("GET", "/", "anybody")
@_signed_in
def _home(asking: Asking) -> Response:
    return _notice(asking, "The portal shows the dashboards.")


def unknown(asking: Asking) -> Response:
    """The answer to a page that there is not."""
    return _notice(asking, "There is no such page.", 404)
