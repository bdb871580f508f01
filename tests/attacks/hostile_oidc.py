"""A provider by OpenID Connect that answers whatever a test wants, with keys of its own: over TLS, at this machine."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from tests import portal as portal_settings
from voice_lab import pki

portal_settings.set_up()

from voice_portal.config.providers.model import Claims, Oidc  # noqa: E402 - Django must be set up
from voice_portal.config.secretfile import SecretValue  # noqa: E402

CLIENT = "voice-portal"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Provider:
    """What it says, and what it was asked.

    Attributes:
        claims: of ID tokens, beside those that every token must have; None takes one of those away.
        algorithm, key, kid: with which they are signed.
        answers: for a path, in place of the usual answer: (status, body), or a function that may take its time.
        challenge, nonce: of the sign-in under way.
        asked: paths, with what was sent.
    """

    port: int
    folder: Path
    claims: dict[str, Any] = field(default_factory=dict)
    key: Any = KEY
    algorithm: str = "RS256"
    kid: str = "one"
    published: dict[str, Any] = field(default_factory=lambda: {"one": KEY})
    answers: dict[str, Any] = field(default_factory=dict)
    challenge: str = ""
    nonce: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    told_issuer: str = ""
    secret: str = "the secret"

    @property
    def issuer(self) -> str:
        return f"https://localhost:{self.port}/realm"

    def settings(self, name: str, **changes: Any) -> Oidc:
        """The portal's settings of it."""
        secret = self.folder / "client-secret"
        secret.write_text(self.secret)
        values: dict[str, Any] = {
            "name": name,
            "display_name": "Hostile & Co",
            "email_domains": frozenset({"hostile.example"}),
            "staff_groups": frozenset({"staff"}),
            "claims": Claims(uid="sub", groups="groups", login="preferred_username", name="name", email="email"),
            "ca_file": self.folder / "ca.pem",
            "issuer": self.issuer,
            "client_id": CLIENT,
            "client_secret": SecretValue("clientSecretFile", path=secret, origin="the test"),
            "tenants": frozenset(),
            "scopes": (),
            "graph_url": "",
        }
        return Oidc(**{**values, **changes})

    def token(self) -> str:
        now = int(time.time())
        whole: dict[str, Any] = {
            "iss": self.issuer, "aud": CLIENT, "sub": "u1", "iat": now, "exp": now + 60, "nonce": self.nonce,
            "preferred_username": "somebody", **self.claims,
        }  # fmt: skip
        told = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode(told, self.key, algorithm=self.algorithm, headers={"kid": self.kid})

    def answer(self, path: str, sent: dict[str, str]) -> tuple[int, str]:
        self.asked.append((path, sent))
        if path in self.answers:
            other = self.answers[path]
            return other(sent) if callable(other) else other
        base = f"https://localhost:{self.port}"
        if path == "/realm/.well-known/openid-configuration":
            ways = {name: f"{base}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
            ways |= {"end_session_endpoint": f"{base}/end"}
            return 200, json.dumps({"issuer": self.told_issuer or self.issuer, **ways})
        if path == "/jwks_uri":
            keys = [
                {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig"}
                for kid, key in self.published.items()
            ]
            return 200, json.dumps({"keys": keys})
        if path == "/token_endpoint":
            return self._exchange(sent)
        return 404, "{}"

    def _exchange(self, sent: dict[str, str]) -> tuple[int, str]:
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != self.challenge:
            return 400, '{"error": "invalid_grant"}'
        expected = base64.b64encode(f"{CLIENT}:{self.secret}".encode()).decode()
        if sent["Authorization"] != f"Basic {expected}":
            return 401, '{"error": "invalid_client"}'
        return 200, json.dumps({"access_token": uuid.uuid4().hex, "token_type": "Bearer", "id_token": self.token()})


@contextmanager
def hostile(folder: Path) -> Iterator[Provider]:
    """One, until the block ends."""
    pki.create_authority(folder)
    pki.issue(folder, "server", hosts=("localhost",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            sent = dict(parse_qsl(body)) | {"Authorization": self.headers.get("Authorization", ""), "body": body}
            status, text = provider.answer(self.path.partition("?")[0], sent)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = _answer

        def log_message(self, *_: object) -> None:
            """Nothing."""

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                self.close_connection = True

    server = ThreadingHTTPServer(("localhost", 0), Handler, bind_and_activate=False)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.server_bind()
    server.server_activate()
    provider = Provider(server.server_address[1], folder)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield provider
    server.shutdown()
    server.server_close()
    thread.join()
