"""Datasources of an organisation: what is told of them, their secrets, which never are, and what they answer."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from voice_lab.grafana_stand_in import query
from voice_lab.grafana_stand_in.access import Asking
from voice_lab.grafana_stand_in.http import Refused, Response, failed, route
from voice_lab.grafana_stand_in.state import Document, State

_KIND, _SECRET = "datasource", "datasource-secret"
_STALE = "Datasource has already been updated by someone else. Please reload and try again"


def _missing() -> Refused:
    return Refused(404, "Data source not found")


def _find(state: State, org: int, uid: str) -> Document:
    if (found := state.get(_KIND, org, uid)) is None:
        raise _missing()
    return found


def _by_number(state: State, org: int, number: str) -> Document:
    found = next((one for one in state.all(_KIND, org) if str(one["id"]) == number), None)
    if found is None:
        raise _missing()
    return found


def _listed(one: Document) -> Document:
    logo = "public/app/plugins/datasource/mysql/img/mysql_logo.svg" if one["type"] == "mysql" else ""
    names = ("id", "uid", "orgId", "name", "type", "access", "url", "user", "database", "basicAuth", "isDefault")
    told = {name: one[name] for name in names}
    return {**told, "typeName": "MySQL", "typeLogoUrl": logo, "jsonData": one["jsonData"], "readOnly": False}


def _whole(state: State, one: Document) -> Document:
    secrets = state.get(_SECRET, one["orgId"], one["uid"]) or {}
    fields = {"basicAuthUser": "", "withCredentials": False, "version": one["version"]}
    listed = {name: value for name, value in _listed(one).items() if name != "typeName"}
    return {**listed, "typeLogoUrl": "", **fields, "secureJsonFields": dict.fromkeys(secrets, True)}


@route("GET", "/api/datasources", "Viewer", "datasources:read")
def _list(asking: Asking) -> list[Document]:
    return [_listed(one) for one in sorted(asking.state.all(_KIND, asking.org), key=lambda one: one["name"].lower())]


@route("GET", "/api/datasources/uid/{}", "Viewer", "datasources:read")
def _get(asking: Asking, uid: str) -> Document:
    return _whole(asking.state, _find(asking.state, asking.org, uid))


@route("POST", "/api/datasources", "Admin", "datasources:create")
def _create(asking: Asking) -> Document:
    body = asking.body(name=str, type=str, access=str)
    uid = body.get("uid") or str(uuid.uuid4())
    others = asking.state.all(_KIND, asking.org)
    for field, value in (("name", body["name"]), ("uid", uid)):
        if any(one[field] == value for one in others):
            raise failed(409, f"data source with the same {field} already exists")
    if len(uid) > 40:
        raise failed(500, "Failed to add datasource")
    fields = {"id": asking.state.next("datasource"), "orgId": asking.org, "uid": uid, "version": 1}
    return _write(asking, {**fields, **_posted(body)}, body, "Datasource added")


def _posted(body: Document) -> Document:
    """What a body says, in the order in which it is told."""
    texts = {name: body.get(name) or "" for name in ("name", "type", "access", "url", "user", "database")}
    flags = {"basicAuth": bool(body.get("basicAuth")), "isDefault": bool(body.get("isDefault"))}
    return {**texts, **flags, "jsonData": dict(sorted((body.get("jsonData") or {}).items()))}


def _write(asking: Asking, one: Document, body: Document, message: str) -> Document:
    state, org = asking.state, asking.org
    if one["isDefault"]:
        for other in state.all(_KIND, org):
            state.put(_KIND, org, other["uid"], {**other, "isDefault": False})
    secrets = {**(state.get(_SECRET, org, one["uid"]) or {}), **(body.get("secureJsonData") or {})}
    state.put(_SECRET, org, one["uid"], secrets)
    state.put(_KIND, org, one["uid"], one)
    return {"datasource": _whole(state, one), "id": one["id"], "message": message, "name": one["name"]}


@route("PUT", "/api/datasources/uid/{}", "Admin", "datasources:write")
def _update(asking: Asking, uid: str) -> Document:
    body = asking.body(name=str, type=str, access=str)
    one, state, org = _find(asking.state, asking.org, uid), asking.state, asking.org
    if not body.get("url"):
        raise Refused(400, "Validation error, invalid URL")
    if (version := body.get("version")) is not None and version < one["version"]:
        raise failed(409, _STALE)
    if any(other["name"] == body["name"] and other["uid"] != uid for other in state.all(_KIND, org)):
        raise failed(500, "Failed to update datasource")
    new = body.get("uid") or uid
    if new != uid:
        state.put(_SECRET, org, new, state.get(_SECRET, org, uid) or {})
        _drop(state, one)
    fields = {"id": one["id"], "orgId": org, "uid": new, "version": 1 if version is None else version + 1}
    return _write(asking, {**fields, **_posted(body)}, body, "Datasource updated")


@route("PUT", "/api/datasources/{}", "Admin", "datasources:write")
def _update_by_number(asking: Asking, number: str) -> Document:
    return _update(asking, _by_number(asking.state, asking.org, number)["uid"])


def _drop(state: State, one: Document) -> None:
    for kind in (_KIND, _SECRET):
        state.drop(kind, one["orgId"], one["uid"])


@route("DELETE", "/api/datasources/uid/{}", "Admin", "datasources:delete")
def _delete(asking: Asking, uid: str) -> Document:
    one = _find(asking.state, asking.org, uid)
    _drop(asking.state, one)
    return {"id": one["id"], "message": "Data source deleted"}


@route("DELETE", "/api/datasources/{}", "Admin", "datasources:delete")
def _delete_by_number(asking: Asking, number: str) -> Document:
    _drop(asking.state, _by_number(asking.state, asking.org, number))
    return {"message": "Data source deleted"}


@route("POST", "/api/ds/query", "Viewer", "datasources:query")
def _query(asking: Asking) -> Callable[[], Response]:
    body = asking.body() if asking.request.body else {}
    return lambda: asking.sources.answer(asking.org, body)


@route("GET", "/api/datasources/uid/{}/health", "Viewer", "datasources:query")
def _health(asking: Asking, uid: str) -> Callable[[], Response]:
    source = asking.sources.of(asking.org, uid)
    return lambda: query.health(source, asking.sources.pool)
