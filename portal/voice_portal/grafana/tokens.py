"""The token by which Grafana believes the portal who is asking (docs/architecture.md, Grafana)."""

import functools
import json
import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import RSAAlgorithm

ALGORITHM = "RS256"
KEY_ID = "voice-portal"
ISSUER = "voice-portal"
AUDIENCE = "grafana"
LIFETIME = timedelta(seconds=120)
_last_keys: dict[Path, RSAPrivateKey] = {}
# Why each cannot be used now, as it was told: once, and not at each request of a dashboard.
_told: dict[Path, str] = {}
log = logging.getLogger(__name__)
# The one viewer of the organisation of all clients. A client's viewer begins with "client-", so this is no client's.
FLEET_VIEWER = "fleet-viewer"


def viewer_token(client: str, key: RSAPrivateKey, now: datetime) -> str:
    """A token for the one Grafana viewer of `client`, valid from `now` (with a time zone) for LIFETIME.

    The name is always prefixed: whatever a client is called, the token can never name Grafana's administrator.
    """
    return _token(f"client-{client}", key, now)


def fleet_token(key: RSAPrivateKey, now: datetime) -> str:
    """A token for the one Grafana viewer of all clients, otherwise as `viewer_token`. For staff alone."""
    return _token(FLEET_VIEWER, key, now)


def _token(login: str, key: RSAPrivateKey, now: datetime) -> str:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": login, "iat": now, "exp": now + LIFETIME}
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": KEY_ID})


def key_set(key: RSAPrivateKey) -> dict[str, list[dict[str, Any]]]:
    """The JSON Web Key Set (RFC 7517) that Grafana verifies tokens with; it holds the public half only."""
    public = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    return {"keys": [{**public, "kid": KEY_ID, "alg": ALGORITHM, "use": "sig"}]}


def current_key(path: Path) -> RSAPrivateKey:
    """The key to sign with now: that in the file, or, while that holds none, the one that was used last.

    Raises OSError or ValueError if there was none before.
    """
    try:
        key = load_key(path)
    except (OSError, ValueError) as error:
        if (last := _last_keys.get(path)) is None:
            raise
        if _told.get(path) != str(error):
            log.warning("the key that signs tokens for Grafana stays as it was: %s", error)
        _told[path] = str(error)
        return last
    _last_keys[path] = key
    _told.pop(path, None)
    return key


def load_key(path: Path) -> RSAPrivateKey:
    """The RSA key in the PEM file `path`; read again when the file changes. Raises OSError or ValueError."""
    return _load_key(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=2)
def _load_key(path: Path, _modified_ns: int) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except TypeError as error:
        raise ValueError(f"{path} holds a key with a password: it must be one without") from error
    except ValueError as error:
        raise ValueError(f"{path} holds no key in PEM") from error
    if not isinstance(key, RSAPrivateKey):
        raise ValueError(f"{path} does not hold an RSA key")  # noqa: TRY004 - the file is wrong, no caller's type
    return key
