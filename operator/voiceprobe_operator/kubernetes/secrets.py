"""Secrets: the passwords of read accounts, which the operator makes up, and what clients' receivers need.

Both are watched: whoever changes one has the client it belongs to looked at anew.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

from voiceprobe_operator import names
from voiceprobe_operator.backoff import delay
from voiceprobe_operator.errors import Denied, OutsideError, Rejected
from voiceprobe_operator.fingerprints import digest
from voiceprobe_operator.kubernetes.api import GROUP, Kubernetes

log = logging.getLogger(__name__)

CLIENT_LABEL = f"{GROUP}/client"
_MANAGED = {"app.kubernetes.io/managed-by": names.MANAGER}
_LONGEST_PAUSE_SECONDS = 60
_NOTHING = b""
Key = tuple[str, str]


class Secrets:
    """Reads Secrets, and calls `changed` with a client if one that was read for it is not what it was any more."""

    def __init__(self, kubernetes: Kubernetes, namespace: str, changed: Callable[[str], None]) -> None:
        self._kubernetes, self._namespace, self._changed = kubernetes, namespace, changed
        # What each held when it was last read or written: the watch tells of what we did ourselves, too.
        self._held: dict[Key, bytes] = {}
        # Of those that are being read or written: what the watch told meanwhile.
        self._told: dict[Key, bytes | None] = {}
        self._watches: dict[Key, asyncio.Task[None]] = {}

    async def password(self, client: str) -> str:
        """The password of the client's read account, made up and kept in the operator's namespace on first sight."""
        return await self._password(names.secret(client), names.account(client), {CLIENT_LABEL: client})

    async def fleet_password(self) -> str:
        """The password of the account that reads all clients' calls, likewise."""
        return await self._password(names.FLEET_SECRET, names.FLEET_ACCOUNT, {CLIENT_LABEL: ""})

    async def _password(self, name: str, account: str, labels: Mapping[str, str]) -> str:
        key = (self._namespace, name)
        found = await self._kubernetes.secret(*key)
        if found is not None and (kept := _content(found).get("password")):
            self._held[key] = _digest(found)
            return kept
        password = secrets.token_urlsafe(32)
        content = {"stringData": {"username": account, "password": password}}
        self._told[key] = None
        try:
            if found is None:
                body = {"metadata": {"name": name, "labels": {**_MANAGED, **labels}}, **content}
                written = await self._kubernetes.create_secret(self._namespace, body)
            else:
                written = await self._kubernetes.patch_secret(*key, content)
            self._held[key] = _digest(written)
        finally:
            del self._told[key]
        return password

    async def read(self, client: str, name: str) -> dict[str, str] | None:
        """What a Secret of the client's namespace holds; None: there is none. Raises Rejected if that is forbidden."""
        if client == self._namespace:
            # All clients' passwords are there, and whoever names a receiver could have them sent anywhere.
            raise Rejected("SecretUnusable", "no receiver may use a Secret of the operator's own namespace")
        key = (client, name)
        self._told[key] = None
        try:
            found = await self._kubernetes.secret(client, name)
        except Denied as error:
            self._held[key] = _NOTHING
            sentence = (
                f"the operator may not read Secret {name} of namespace {client}. To allow it: kubectl create"
                f" rolebinding voice-receivers -n {client} --clusterrole={names.RECEIVERS_ROLE}"
                f" --serviceaccount={self._namespace}:{names.MANAGER}"
            )
            raise Rejected("SecretUnusable", sentence) from error
        finally:
            told = self._told.pop(key)
        self._held[key] = _NOTHING if found is None else _digest(found)
        if told is not None and told != self._held[key]:
            self._changed(client)
        return None if found is None else _content(found)

    def follow_passwords(self) -> None:
        """Watch the Secrets that the operator made."""
        selector = {"labelSelector": ",".join(f"{label}={value}" for label, value in _MANAGED.items())}
        self._watch((self._namespace, ""), selector)

    def follow(self, client: str, wanted: Collection[str]) -> None:
        """Watch exactly these Secrets of the client's namespace."""
        for key in [key for key in self._watches if key[0] == client and key[1] and key[1] not in wanted]:
            self._watches.pop(key).cancel()
            self._held.pop(key, None)
        for name in wanted if client != self._namespace else ():
            self._watch((client, name), {"fieldSelector": f"metadata.name={name}"})

    async def aclose(self) -> None:
        """End all watches."""
        tasks = [*self._watches.values()]
        self._watches.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _watch(self, key: Key, selector: Mapping[str, str]) -> None:
        if key not in self._watches:
            self._watches[key] = asyncio.create_task(self._watch_for_ever(key, selector))

    async def _watch_for_ever(self, key: Key, selector: Mapping[str, str]) -> None:
        """Whatever happens: a watch that ended unseen would be missed by nobody."""
        namespace, name = key
        failures = 0
        while True:
            try:
                async for event in self._kubernetes.watch_secrets(namespace, selector):
                    failures = 0
                    self._notice(namespace, event)
            except OutsideError as error:
                failures += 1
                if failures == 1:
                    log.info("%s: Secret %s: %s", namespace, name or "of any client", error.sentence)
            except Exception:
                failures += 1
                log.exception("%s: the watch of Secret %s failed", namespace, name or "of any client")
            # At an end in order, too: an API server that ends each watch at once is not asked without a pause.
            await asyncio.sleep(delay(failures or 1, base=1, cap=_LONGEST_PAUSE_SECONDS))

    def _notice(self, namespace: str, event: Mapping[str, Any]) -> None:
        body = event["object"]
        key = (namespace, body["metadata"]["name"])
        held = _NOTHING if event["type"] == "DELETED" else _digest(body)
        if key in self._told:
            self._told[key] = held
        elif self._held.get(key, held) != held:
            self._held[key] = held
            self._tell(namespace, body)

    def _tell(self, namespace: str, body: Mapping[str, Any]) -> None:
        own = namespace == self._namespace
        client = (body["metadata"].get("labels") or {}).get(CLIENT_LABEL) if own else namespace
        if client is not None:
            log.info("%s: Secret %s changed", client or "fleet", body["metadata"]["name"])
            self._changed(client or names.FLEET)


def _digest(body: Mapping[str, Any]) -> bytes:
    """What a Secret holds, in short: a label or an annotation changes nothing for us."""
    return digest(body.get("data") or {})


def _content(body: Mapping[str, Any]) -> dict[str, str]:
    """The values of a Secret. One that is not UTF-8 is left out: nothing that we need is not text."""
    content = {}
    for key, value in (body.get("data") or {}).items():
        with suppress(UnicodeDecodeError):
            content[key] = base64.b64decode(value or "").decode()
    return content
