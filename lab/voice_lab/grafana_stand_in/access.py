"""Who is asking: logins, tokens, the organisation of a request, and what a role may do in it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, TypeVar
from urllib.parse import urlsplit

import jwt

from voice_lab.grafana_stand_in.http import ROUTER_JSON, Refused, Request, bad_data, encode, failed, natural
from voice_lab.grafana_stand_in.sources import Sources
from voice_lab.grafana_stand_in.state import SERVER, Document, State

ROLES = {"": 0, "Viewer": 1, "Editor": 2, "Admin": 3, "server": 4}
"""The roles in an organisation, each with all that those before it may; "server": the administrator of the server."""
TEXT = (str, NoneType)
"""The type of a text that may be left out."""
Item = TypeVar("Item")
ADMIN_ID = 1
MAIN_ORG = 1
AVATAR = "/public/img/user_profile.png"
"""The picture of every user."""
LEEWAY_S = 60
WRONG_PASSWORDS, LOCKED_S = 5, 300


@dataclass(frozen=True)
class Config:
    """What a server is told when it starts.

    Attributes:
        root_url: the public address of the sub-path, without a slash at the end.
        password: of the administrator, whose login is `admin`.
        keys: the JSON Web Key Set (RFC 7517) that tokens are verified with.
        poll_s: how often new organisations are looked for, which then get alerting.
        version: what `/api/health` says.
        signed_out_url: where a browser goes from `/logout`.
        cached_s: for so long who has left an organisation is taken for a member.
        row_limit: rows of a query's answer, at which it is cut.
    """

    root_url: str
    password: str = field(repr=False)
    keys: Mapping[str, Any] = field(default_factory=lambda: {"keys": []})
    poll_s: float = 60.0
    version: str = "10.0.0-stand-in"
    signed_out_url: str = "/"
    cached_s: float = 5.0
    row_limit: int = 1_000_000

    @property
    def sub_path(self) -> str:
        """The path of the root URL, without a slash at the end."""
        return urlsplit(self.root_url).path.rstrip("/")


@dataclass(frozen=True)
class Asking:
    """A request of somebody who may make it.

    Attributes:
        org: the organisation that the request is about; 0 if the user is in none.
        role: the user's in it, "" if none.
        now: seconds since the epoch.
    """

    state: State
    sources: Sources
    config: Config
    request: Request
    user: Document
    org: int
    role: str
    now: float

    @property
    def is_server_admin(self) -> bool:
        """Whether the administrator of the server asks."""
        return bool(self.user["id"] == ADMIN_ID)

    @property
    def may_edit(self) -> bool:
        """Whether dashboards and folders are written by who asks."""
        return self.role in {"Admin", "Editor"}

    def path(self, below: str) -> str:
        """A path of ours as a browser has it, below the sub-path."""
        return f"{self.config.sub_path}{below}"

    def json(self, **options: Callable[[str], object]) -> object:
        """The body, parsed with these `options` of `json.loads`; 400 if it is no JSON, or is not called that."""
        if not self.request.headers.get("content-type", "application/json").startswith("application/json"):
            raise bad_data()
        try:
            found: object = json.loads(self.request.body, **options)  # type: ignore[arg-type]
            if b"\\ud" in self.request.body.lower():
                encode(found)  # half a surrogate pair is no text that could be answered again
        except (ValueError, RecursionError) as error:
            raise bad_data() from error
        return found

    def body(self, **fields: type | tuple[type, ...]) -> Document:
        """The body, a JSON object that has these fields; 400 if it is not."""
        found = self.json()
        if not isinstance(found, dict) or any(not isinstance(found.get(name), kind) for name, kind in fields.items()):
            raise bad_data()
        if any(found[name] == "" for name, kind in fields.items() if kind is str):
            raise bad_data()
        return found

    def number(self, name: str, default: int) -> int:
        """A number of the query string."""
        found = natural(self.request.query.get(name, ""))
        return default if found is None else found

    def page(self, found: list[Item], size: int) -> list[Item]:
        """The part of a list that the query string asks for: by `page`, counted from 1."""
        start = (max(1, self.number("page", 1)) - 1) * size
        return found[start : start + size]


def denied(action: str) -> Refused:
    """403 as Grafana's access control puts it."""
    message = f"You'll need additional permissions to perform this action. Permissions needed: {action}"
    error = Refused(403, message, title="Access denied", accessErrorId=f"ACE{secrets.randbelow(10**10):010}")
    error.body = dict(sorted(error.body.items()))
    error.content_type = ROUTER_JSON
    return error


def number(text: str) -> int:
    """The number of an organisation or a user in a path; 400 if it is none."""
    if (found := natural(text)) is None:
        raise Refused(400, "id is invalid")
    return found


class Doorkeeper:
    """Tells users by password or token; slow to believe who guessed."""

    def __init__(self, state: State, config: Config, now: Callable[[], float]) -> None:
        self._state, self._config, self._now = state, config, now
        self._wrong: dict[str, list[float]] = {}

    def user(self, request: Request) -> Document | None:
        """Who is asking; None is nobody. A token decides, even a bad one. Raises Refused(401)."""
        if token := request.headers.get("x-jwt-assertion"):
            return self._by_token(token)
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            raise failed(401, "invalid API key")
        return self._by_password(credentials) if scheme.lower() == "basic" else None

    def _by_token(self, token: str) -> Document | None:
        try:
            header = jwt.get_unverified_header(token)
            claims = jwt.decode(token, options={"verify_signature": False})
        except (jwt.InvalidTokenError, ValueError):
            return None
        try:
            keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(dict(self._config.keys)).keys}
            claims = self._verified(token, keys[header["kid"]])
        except (jwt.PyJWTError, KeyError, TypeError) as error:
            raise failed(401, "Invalid JWT") from error
        if not claims.get("sub"):
            return None
        if (user := by_login(self._state, str(claims["sub"]))) is None:
            raise failed(401, "User not found")
        return user

    def _verified(self, token: str, key: jwt.PyJWK) -> Document:
        claims: Document = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience="grafana",
            issuer="voice-portal",
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_sub": False},
        )
        # Not by the library: times are those of our own clock.
        if claims.get("exp", self._now()) <= self._now() - LEEWAY_S:
            raise jwt.ExpiredSignatureError
        if max(claims.get("nbf", 0), claims.get("iat", 0)) > self._now() + LEEWAY_S:
            raise jwt.ImmatureSignatureError
        return claims

    def _by_password(self, credentials: str) -> Document:
        try:
            login, colon, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise failed(401, "Invalid Basic Auth Header") from error
        if not colon:
            raise failed(401, "Invalid Basic Auth Header")
        user = by_login(self._state, login)
        right = user is not None and self._is_right(user, password)
        if not self._believed(login.lower(), right=right) or user is None:
            raise failed(401, "invalid username or password")
        return user

    def _is_right(self, user: Document, password: str) -> bool:
        if user["id"] == ADMIN_ID:
            return secrets.compare_digest(password.encode(), self._config.password.encode())
        return secrets.compare_digest(user["password"], kept_password(password, user["salt"]))

    def _believed(self, login: str, *, right: bool) -> bool:
        """Whether a right password counts: not after five wrong ones within five minutes."""
        recent = [at for at in self._wrong.get(login, ()) if at > self._now() - LOCKED_S]
        is_locked = len(recent) >= WRONG_PASSWORDS
        if not right and not is_locked:
            recent.append(self._now())
        self._wrong[login] = recent
        return right and not is_locked


def kept_password(password: str, salt: str) -> str:
    """What is kept of a user's password: it has no use in a lab but for whoever asks with it."""
    return hashlib.scrypt(password.encode(), salt=salt.encode(), n=2**10, r=8, p=1).hex()


def by_login(state: State, login: str) -> Document | None:
    """The user of a login or an e-mail address, without regard to case."""
    wanted = login.lower()
    users = state.all("user", SERVER)
    return next((user for user in users if wanted in {user["login"].lower(), user["email"].lower()}), None)


def role(state: State, org: int, user: int) -> str:
    """A user's role in an organisation; "" if it is no member."""
    return str((state.get("member", org, user) or {}).get("role", ""))


def organisation(state: State, request: Request, user: Document) -> int:
    """The organisation of a request: the header's, or the user's current one."""
    return natural(request.headers.get("x-grafana-org-id", "")) or current(state, user)


def current(state: State, user: Document) -> int:
    """The organisation that the user was in last, or else another of its own; 0 if it is in none."""
    own = [org for org, member in state.everywhere("member") if member["userId"] == user["id"]]
    return user["orgId"] if user["orgId"] in own else min(own, default=0)
