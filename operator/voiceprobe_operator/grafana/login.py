"""The administrator's login as Grafana is told it, and a rest after it was refused.

Grafana locks a login for minutes after five wrong passwords within five minutes, for people too who know the right one.
So a login that was refused is not sent again before a rest, unless its files hold another one by then.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable

from voiceprobe_operator.errors import Transient
from voiceprobe_operator.secretvalue import SecretValue, UnreadableSecret

# Three requests may be under way when it is refused first, and one more follows within the five minutes.
REST_SECONDS = 155
REFUSED = (
    "Grafana refuses the administrator's login (401): VOICE_GRAFANA_USER and VOICE_GRAFANA_PASSWORD must be those of a"
    " server administrator of this Grafana"
)


class Login:
    """What the user's and the password's settings say, as it is now."""

    def __init__(
        self, user: SecretValue, password: SecretValue, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._user, self._password, self._clock = user, password, clock
        self._refused, self._rests_until = "", 0.0

    def authorization(self) -> str:
        """The header's value; raises Transient if a file cannot be read, or while a login that was refused rests."""
        found, now = self._read(), self._clock()
        if found == self._refused:
            if now < self._rests_until:
                raise Transient("GrafanaUnavailable", REFUSED)
            # One alone tries whether it is taken now.
            self._rests_until = now + REST_SECONDS
        return found

    def refused(self, authorization: str) -> bool:
        """Remember that Grafana answered 401 to that; whether there is another login by now, to be tried at once."""
        self._refused, self._rests_until = authorization, self._clock() + REST_SECONDS
        return self._read() != authorization

    def accepted(self) -> None:
        """Grafana answered to the login, so whatever was before is over."""
        self._refused = ""

    def _read(self) -> str:
        try:
            login = f"{self._user.read()}:{self._password.read()}"
        except UnreadableSecret as error:
            raise Transient("PasswordUnreadable", str(error)) from error
        return f"Basic {base64.b64encode(login.encode()).decode()}"
