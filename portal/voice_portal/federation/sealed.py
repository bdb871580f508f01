"""What a session keeps of a provider's answer, for the sign-out alone: encrypted, as sessions are rows of a table."""

import base64
import json
from collections.abc import Mapping

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.crypto import salted_hmac

_SALT = "voice_portal.federation.sealed"


def seal(values: Mapping[str, str]) -> str:
    """The values, so that only this portal can read them."""
    return _fernet().encrypt(json.dumps(dict(values)).encode()).decode()


def unseal(text: object) -> dict[str, str]:
    """What was sealed; empty, where that was with a key that is no longer used."""
    try:
        found = json.loads(_fernet().decrypt(str(text).encode()))
    except (InvalidToken, ValueError):
        return {}
    return {str(name): str(value) for name, value in found.items()}


def _fernet() -> MultiFernet:
    """With keys made of those that sign sessions, which may be exchanged: see config/keys.py."""
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    digests = (salted_hmac(_SALT, "", secret=key, algorithm="sha256").digest() for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
