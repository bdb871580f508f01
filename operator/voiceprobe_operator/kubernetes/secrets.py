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
from voiceprobe_operator.kubernetes.api import GROUP, Kubernetes

log = logging.getLogger(__name__)

CLIENT_LABEL = f"{GROUP}/client"
_MANAGED = {"app.kubernetes.io/managed-by": names.MANAGER}
_LONGEST_PAUSE_SECONDS = 60
Key = tuple[str, str]


class Secrets:
    """Reads Secrets, and calls `changed` with a client if one that was read for it is not what it was any more."""

    def __init__(self, kubernetes: Kubernetes, namespace: str, changed: Callable[[str], None]) -> None:
        self._kubernetes, self._namespace, self._changed = kubernetes, namespace, changed
        # The version of each as it was last read or written: the watch tells of what we did ourselves, too.
        self._versions: dict[Key, str] = {}
        self._writing: set[Key] = set()
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
            self._versions[key] = _version(found)
            return kept
        password = secrets.token_urlsafe(32)
        content = {"stringData": {"username": account, "password": password}}
        self._writing.add(key)
        try:
            if found is None:
                body = {"metadata": {"name": name, "labels": {**_MANAGED, **labels}}, **content}
                written = await self._kubernetes.create_secret(self._namespace, body)
            else:
                written = await self._kubernetes.patch_secret(*key, content)
            self._versions[key] = _version(written)
        finally:
            self._writing.discard(key)
        return password

    async def read(self, client: str, name: str) -> dict[str, str] | None:
        """What a Secret of the client's namespace holds; None: there is none. Raises Rejected if that is forbidden."""
        try:
            found = await self._kubernetes.secret(client, name)
        except Denied as error:
            sentence = (
                f"the operator may not read Secret {name} of namespace {client}. To allow it: kubectl create"
                f" rolebinding voice-receivers -n {client} --clusterrole={names.RECEIVERS_ROLE}"
                f" --serviceaccount={self._namespace}:{names.MANAGER}"
            )
            raise Rejected("SecretForbidden", sentence) from error
        self._versions[client, name] = "" if found is None else _version(found)
        return None if found is None else _content(found)

    def follow_passwords(self) -> None:
        """Watch the Secrets that the operator made."""
        selector = {"labelSelector": ",".join(f"{label}={value}" for label, value in _MANAGED.items())}
        self._watch((self._namespace, ""), selector)

    def follow(self, client: str, wanted: Collection[str]) -> None:
        """Watch exactly these Secrets of the client's namespace."""
        for key in [key for key in self._watches if key[0] == client and key[1] and key[1] not in wanted]:
            self._watches.pop(key).cancel()
            self._versions.pop(key, None)
        for name in wanted:
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
            self._watches[key] = asyncio.create_task(self._watch_for_ever(key[0], selector))

    async def _watch_for_ever(self, namespace: str, selector: Mapping[str, str]) -> None:
        failures = 0
        while True:
            try:
                async for event in self._kubernetes.watch_secrets(namespace, selector):
                    failures = 0
                    self._notice(namespace, event)
            except OutsideError as error:
                failures += 1
                log.info("%s", error.sentence)
            # At an end in order, too: an API server that ends each watch at once is not asked without a pause.
            await asyncio.sleep(delay(failures or 1, base=1, cap=_LONGEST_PAUSE_SECONDS))

    def _notice(self, namespace: str, event: Mapping[str, Any]) -> None:
        body = event["object"]
        key = (namespace, body["metadata"]["name"])
        version = "" if event["type"] == "DELETED" else _version(body)
        if key in self._writing or self._versions.get(key, version) == version:
            return
        self._versions[key] = version
        own = namespace == self._namespace
        client = (body["metadata"].get("labels") or {}).get(CLIENT_LABEL) if own else namespace
        if client is not None:
            log.info("%s: Secret %s changed", client or "fleet", key[1])
            self._changed(client or names.FLEET)


def _version(body: Mapping[str, Any]) -> str:
    return str(body["metadata"]["resourceVersion"])


def _content(body: Mapping[str, Any]) -> dict[str, str]:
    """The values of a Secret. One that is not UTF-8 is left out: nothing that we need is not text."""
    content = {}
    for key, value in (body.get("data") or {}).items():
        with suppress(UnicodeDecodeError):
            content[key] = base64.b64decode(value or "").decode()
    return content
