"""What the portal waits for outside: a sentence in the log when it changes, and at the pod's own port all the time."""

import logging
import threading
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, connection

from voice_portal.config import schema
from voice_portal.config.refusals import Refusal, refusal
from voice_portal.grafana import tokens

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Look:
    """What one look found: what keeps the portal from its work, and what is worth knowing."""

    refusals: tuple[Refusal, ...] = ()
    note: str = ""


class Told:
    """Tells in the log what a look found, when that is something else than the look before."""

    def __init__(self) -> None:
        self._last = Look()
        self._lock = threading.Lock()

    def tell(self, found: Look) -> None:
        """Tell, unless it has been told."""
        with self._lock:
            before, self._last = self._last, found
        for one in found.refusals:
            if one not in before.refusals:
                log.warning("not ready: %s", one.sentence)
        if before.refusals and not found.refusals:
            log.info("ready")
        if found.note and found.note != before.note:
            log.warning("%s", found.note)


_TOLD = Told()


def look_at_database() -> Look:
    """Ask the database whether it is there and has this portal's schema, and tell the log what changed."""
    found = _look()
    _TOLD.tell(found)
    return found


def _look() -> Look:
    try:
        database = schema.applied()
    except DatabaseError as error:
        # It may be a connection that is kept and broken: none is asked twice.
        connection.close()
        return Look((refusal(error, settings.ENV.mysql_address, settings.ENV.mysql_user),))
    code = schema.known()
    older = schema.older(code, database)
    return Look((older,) if older else (), schema.newer(code, database))


def look() -> Look:
    """Look at all that the portal needs, with a login of its own, as the next worker would have to make one."""
    try:
        found = _look()
    finally:
        connection.close()
    found = Look((*found.refusals, *_signing_key()), found.note)
    _TOLD.tell(found)
    return found


def _signing_key() -> tuple[Refusal, ...]:
    try:
        tokens.load_key(settings.ENV.grafana_jwt_key_file)
    except (OSError, ValueError) as error:
        sentence = f"VOICE_GRAFANA_JWT_KEY_FILE must name an RSA key in PEM, so no dashboard can be shown: {error}"
        return (Refusal("the key for Grafana cannot be used", sentence),)
    return ()
