"""The key that signs sessions and cookies, which may be exchanged while the portal runs.

The kubelet exchanges a mounted Secret's files in place; each request looks whether it has (two calls to the system), so
that no process has to be restarted and no request gets lost.

A new key alone makes all sign in again, which is what a key that leaked asks for. Where the old one stands beside it,
in a file of the same name with `-previous` at its end, what it signed stays valid, and is signed anew with the new
key when it is next used.
"""

import logging
from pathlib import Path

from django.conf import settings

from voice_portal.config.secretfile import SecretValue, UnreadableSecret

log = logging.getLogger(__name__)

PREVIOUS = "-previous"
MINIMUM_LENGTH = 50


def read(key: SecretValue) -> tuple[str, list[str]]:
    """The key as it is now, and those that are still accepted; raises UnreadableSecret."""
    now, previous = key.read(), _previous(key)
    try:
        return now, [previous.read()] if previous else []
    except UnreadableSecret:
        # Not there, or emptied, which means the same. It must not keep a new key from being used.
        return now, []


def _previous(key: SecretValue) -> SecretValue | None:
    return SecretValue(key.name, path=key.path.with_name(key.path.name + PREVIOUS)) if key.path else None


class Watch:
    """Brings Django's settings up to date when the files have changed since it last looked."""

    def __init__(self, key: SecretValue) -> None:
        self._key = key
        self._seen: object = None
        self._wanted = settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS

    def look(self, **_: object) -> None:
        """Look once; a receiver of Django's `request_started`. A key that is of no use changes nothing."""
        if (marks := self._marks()) != self._seen:
            self._seen = marks
            self._read()
        # Not only after a change: another thread that looked at a setting meanwhile may have put back what it saw.
        if self._wanted != (settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS):
            # Django reads them at each use, and keeps nothing made of them. What is accepted goes first.
            settings.SECRET_KEY_FALLBACKS = self._wanted[1]
            settings.SECRET_KEY = self._wanted[0]

    def _read(self) -> None:
        try:
            wanted = read(self._key)
            fault = f"{self._key.name} must have at least {MINIMUM_LENGTH} characters"
        except UnreadableSecret as error:
            wanted, fault = ("", []), str(error)
        if len(wanted[0]) < MINIMUM_LENGTH:
            log.warning("the key that signs sessions stays as it was: %s", fault)
            return
        if wanted != self._wanted:
            log.info("the key that signs sessions was exchanged; old keys that are accepted: %d", len(wanted[1]))
        self._wanted = wanted

    def _marks(self) -> tuple[object, ...]:
        previous = _previous(self._key)
        return _mark(self._key.path), _mark(previous.path if previous else None)


def _mark(path: Path | None) -> object:
    """Something that differs when a file was exchanged; None: there is none."""
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return found and (found.st_ino, found.st_dev, found.st_mtime_ns, found.st_size)
