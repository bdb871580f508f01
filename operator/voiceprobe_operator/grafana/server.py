"""What holds for the whole Grafana server: its version, its organisations, who the operator is in it."""

from __future__ import annotations

import datetime
import logging
import re
from collections.abc import Callable, Collection
from urllib.parse import quote

from voiceprobe_operator.errors import Transient
from voiceprobe_operator.grafana.api import ADDRESS, HEALTH, Grafana
from voiceprobe_operator.grafana.versions import Support, judged

log = logging.getLogger(__name__)
_PAGE = 1000
NOT_GRAFANA = f"what answers at VOICE_GRAFANA_URL is not Grafana, or Grafana under another sub-path: {ADDRESS}"


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


class Server:
    """Asked once for all clients, by each resync; the organisations more often, as they tell of a wiped Grafana."""

    def __init__(self, grafana: Grafana, *, today: Callable[[], datetime.date] = _today) -> None:
        self._grafana, self._today = grafana, today
        self.version: tuple[int, ...] = ()
        self.support: Support | None = None
        self.login = ""
        self.organisations: dict[str, int] = {}

    async def look(self) -> None:
        """Ask for everything, but for the operator's own login if it is known."""
        health = await self._grafana.get(HEALTH)
        if not isinstance(health, dict):
            raise Transient("GrafanaUnavailable", NOT_GRAFANA)
        self._judge(str(health.get("version", "")))
        if not self.login:
            # The operator may log in by another spelling or an e-mail address, and members are listed by login.
            user = await self._grafana.get("/api/user")
            if not isinstance(user, dict) or "login" not in user:
                raise Transient("GrafanaUnavailable", NOT_GRAFANA)
            self.login = user["login"]
        await self.find_organisations()

    def _judge(self, release: str) -> None:
        self.version = tuple(int(part) for part in re.findall(r"\d+", release)[:3])
        support = judged(release, self._today())
        if support != self.support:
            log.log(logging.WARNING if support.ok is False else logging.INFO, "%s", support.message)
        self.support = support

    def forget_login(self) -> None:
        """Have the operator's login asked for anew: this is another Grafana, perhaps."""
        self.login = ""

    async def known(self) -> None:
        """Ask for everything unless that was done before."""
        if not self.login:
            await self.look()

    async def find_organisations(self) -> None:
        """Ask for the organisations alone."""
        found: dict[str, int] = {}
        page = 0
        while True:
            part = await self._grafana.get("/api/orgs", perpage=_PAGE, page=page)
            if not isinstance(part, list):
                raise Transient("GrafanaUnavailable", NOT_GRAFANA)
            found |= {org["name"]: org["id"] for org in part}
            page += 1
            if len(part) < _PAGE:
                break
        self.organisations = found

    async def organisation(self, name: str) -> int:
        """The organisation of that name, made if there is none."""
        if (known := self.organisations.get(name)) is not None:
            return known
        found = await self._grafana.get(f"/api/orgs/name/{quote(name, safe='')}")
        if found is None:
            made = await self._grafana.create("/api/orgs", {"name": name})
            found = {"id": made["orgId"]}
        self.organisations[name] = int(found["id"])
        return self.organisations[name]

    def strangers(self, expected: dict[str, int]) -> Collection[str]:
        """Which of the organisations that should be there are not, or are others by now."""
        return [name for name, org in expected.items() if self.organisations.get(name) != org]
