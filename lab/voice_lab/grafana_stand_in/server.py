"""The stand-in without its sockets: a request in, an answer out.

What Grafana 10.0 was measured to answer to the requests of operator, portal and tests: the suite
`tests/contract/grafana` holds both to the same facts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from voice_lab.grafana_stand_in import (  # noqa: F401 - they register their routes
    access,
    dashboards,
    datasources,
    folders,
    notifications,
    organisations,
    pages,
    rules,
    search,
    users,
    viewers,
)
from voice_lab.grafana_stand_in.access import ROLES, Asking, Config, Doorkeeper
from voice_lab.grafana_stand_in.alerting.scheduler import Alerting
from voice_lab.grafana_stand_in.http import (
    JSON,
    ROUTER_JSON,
    ROUTES,
    Refused,
    Request,
    Response,
    Route,
    answer,
    bad_data,
    natural,
    redirect,
)
from voice_lab.grafana_stand_in.sources import Sources
from voice_lab.grafana_stand_in.state import Document, State

_log = logging.getLogger(__name__)
_SEEN_EVERY_S = 300


@dataclass(frozen=True)
class Later:
    """What gives the answer when it is called, and takes its time: it may run beside other requests.

    Attributes:
        asker: the organisation that it is about, and the number of the user who asks.
    """

    asker: tuple[int, int]
    give: Callable[[], object]

    def __call__(self) -> Response:
        """The answer."""
        return _whole(_answered(self.give))


class Server:
    """A Grafana: what it holds, and how it was started. To be asked by one thread at a time."""

    def __init__(self, state: State, config: Config, now: Callable[[], float] = time.time) -> None:
        self.state, self.config, self.now = state, config, now
        self.sources = Sources(state, now, config.row_limit)
        self._roles: dict[tuple[int, int], tuple[str, float]] = {}
        self.alerting = Alerting(state, config.root_url)
        self._doorkeeper = Doorkeeper(state, config, now)
        users.begin(state, now())

    def answer(self, request: Request) -> Response | Later:
        """The answer to a request, or what will give it."""
        try:
            return self._admitted(request)
        except Refused as refused:
            return error(refused, ROUTER_JSON)

    def _admitted(self, request: Request) -> Response | Later:
        """The answer to the request of somebody who may make it; raises Refused for who may not."""
        user, (route, words) = self._who(request), _find(request)
        if user and (moved := self._moved(request, user)):
            return moved
        asking = self._asking(request, user)
        if route is None:
            if request.path.startswith("/api/"):
                raise Refused(404, "Not found")
            return pages.unknown(asking)
        if user is None and route.needs != "anybody":
            raise Refused(401, "Unauthorized")
        _admit(asking, route)
        found = _answered(lambda: _of_right_types(route, asking, words))
        return Later((asking.org, asking.user["id"]), found) if callable(found) else _whole(found)

    def _who(self, request: Request) -> Document | None:
        try:
            return self._doorkeeper.user(request)
        except Refused:
            if request.path in {"/api/health", "/login"}:
                return None
            raise

    def _asking(self, request: Request, user: Document | None) -> Asking:
        if user is None:
            return self._as({"id": 0}, request, 0)
        if user["seen"] is None or self.now() - user["seen"] > _SEEN_EVERY_S:
            user = {**user, "seen": self.now()}
            self.state.put("user", 0, user["id"], user)
        return self._as(user, request, access.organisation(self.state, request, user))

    def _as(self, user: Document, request: Request, org: int) -> Asking:
        role = self._role(org, user["id"])
        return Asking(self.state, self.sources, self.config, request, user, org, role, self.now())

    def _role(self, org: int, user: int) -> str:
        """A user's role in an organisation; who has just left it still has the last one."""
        if role := access.role(self.state, org, user):
            self._roles[org, user] = (role, self.now())
            return role
        role, at = self._roles.get((org, user), ("", 0.0))
        return role if self.now() - at < self.config.cached_s else ""

    def _moved(self, request: Request, user: Document) -> Response | None:
        """`?orgId=` of another organisation of the user's own makes it the current one, whatever was asked for."""
        named = natural(request.query.get("orgId", ""))
        if named is None or named == access.current(self.state, user):
            return None
        if not access.role(self.state, named, user["id"]):
            if request.path.startswith("/api/"):
                raise Refused(404, "Not found")
            return Response(404, b"Not found\n", "text/plain; charset=utf-8")
        users.switch(self.state, user, named)
        return redirect(f"{self.config.root_url}{request.path}?{urlencode(request.query)}")


def _find(request: Request) -> tuple[Route | None, tuple[str, ...]]:
    path = request.path.removesuffix("/") or "/"
    method = "GET" if request.method == "HEAD" else request.method
    for route in ROUTES:
        if route.method == method and (match := route.pattern.fullmatch(path)):
            return route, match.groups()
    return None, ()


def _admit(asking: Asking, route: Route) -> None:
    """Raise 403 for who may not."""
    if route.needs == "anybody":
        return
    may = ROLES["server"] if route.needs == "server" and asking.is_server_admin else ROLES[asking.role]
    if may < ROLES[route.needs]:
        raise access.denied(route.action)


def _of_right_types(route: Route, asking: Asking, words: tuple[str, ...]) -> object:
    """What the handler says. That a field is of another type than it must be shows wherever it is used first."""
    try:
        return route.handler(asking, *words)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        if not asking.request.body:
            raise
        _log.info("%s %s", route.method, asking.request.path, exc_info=True)
        raise bad_data() from error


def _answered(handler: Callable[[], object]) -> object:
    try:
        return handler()
    except Refused as refused:
        return error(refused)


def _whole(found: object) -> Response:
    return found if isinstance(found, Response) else answer(found)


def error(refused: Refused, content_type: str = JSON) -> Response:
    """A refusal as it is answered."""
    return replace(answer(refused.body, refused.status), content_type=refused.content_type or content_type)
